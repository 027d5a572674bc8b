-- I/Os whose hops do not add up to their total: there must be none.
SELECT *
FROM io
WHERE virtio_queue_ns IS NOT NULL
  AND total_ns <> {{hop_sum}};
