-- I/Os whose hops do not add up to their total: there must be none.
SELECT *
FROM io
WHERE virtio_queue_ns IS NOT NULL
  AND total_ns <> coalesce(page_cache_ns, 0) + guest_scheduler_ns + virtio_queue_ns
    + host_scheduler_ns + hardware_queue_ns;
