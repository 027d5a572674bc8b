-- The twenty slowest guest I/Os and their hops, in microseconds.
SELECT io_id, io.guest, io.device, io.op, io.sector, io.sectors,
  block_ns / 1e3 AS block_us, guest_scheduler_ns / 1e3 AS guest_scheduler_us,
  virtio_submit_ns / 1e3 AS virtio_submit_us, host_scheduler_ns / 1e3 AS host_scheduler_us,
  hardware_queue_ns / 1e3 AS hardware_us, virtio_return_ns / 1e3 AS virtio_return_us,
  clock_error_ns / 1e3 AS clock_error_us, match_grade,
  -- From D to C of an I/O whose disk has no Q in its trace.
  CASE WHEN block_ns IS NULL THEN below_ns / 1e3 END AS d2c_us
FROM io LEFT JOIN (
  SELECT request_id, completed_ns - issued_ns AS below_ns FROM request
  WHERE queued_ns IS NULL AND sectors > 0 AND clock_stepped = 0
    AND (source_id, device) NOT IN (SELECT source_id, device FROM stage WHERE stage IN ('Q2Q', 'Q2C'))
) USING (request_id)
ORDER BY coalesce(block_ns, below_ns) DESC, io_id
LIMIT 20;
