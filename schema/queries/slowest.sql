-- The twenty slowest guest I/Os and their hops, in microseconds.
SELECT io_id, guest, device, op, sector, sectors,
  block_ns / 1e3 AS block_us, guest_scheduler_ns / 1e3 AS guest_scheduler_us,
  virtio_submit_ns / 1e3 AS virtio_submit_us, host_scheduler_ns / 1e3 AS host_scheduler_us,
  hardware_queue_ns / 1e3 AS hardware_us, virtio_return_ns / 1e3 AS virtio_return_us,
  clock_error_ns / 1e3 AS clock_error_us, match_grade
FROM io
ORDER BY block_ns DESC, io_id
LIMIT 20;
