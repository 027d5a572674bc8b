-- Matched I/Os per second, with the mean of each hop in us.
SELECT guest, device, reference_ns / 1000000000 AS second, count(*) AS ios,
  round(avg(block_ns) / 1e3, 1) AS block_us,
  round(avg(guest_scheduler_ns) / 1e3, 1) AS guest_scheduler_us,
  round(avg(virtio_submit_ns) / 1e3, 1) AS virtio_submit_us,
  round(avg(host_scheduler_ns) / 1e3, 1) AS host_scheduler_us,
  round(avg(hardware_queue_ns) / 1e3, 1) AS hardware_us,
  round(avg(virtio_return_ns) / 1e3, 1) AS virtio_return_us
FROM io
WHERE match_grade IN {{certain}} AND op <> 'flush'
GROUP BY guest, device, second
ORDER BY guest, device, second;
