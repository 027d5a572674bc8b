-- A queue over time: how many requests it held, counted at its entry and its exit.
CREATE VIEW queue_depth AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The device, major,minor as the machine calls it.
  block_stream.device AS device,
  -- 'guest_scheduler' and 'host_scheduler': from Q to the last D. 'virtio_queue': from D to C in the
  -- guest, for so long a request holds its place in the ring. 'hardware_queue': from D to C on the host.
  queue_interval.hop AS hop,
  -- Start of the interval, in ns on the reference timeline; on the machine's own clock where no relation
  -- is known.
  queue_interval.at_ns AS at_ns,
  -- Its length, in ns.
  queue_interval.interval_ns AS interval_ns,
  -- Requests that entered in it.
  queue_interval.arrivals AS arrivals,
  -- The mean number of requests in the queue.
  queue_interval.mean_depth AS mean_depth,
  -- The largest.
  queue_interval.max_depth AS max_depth,
  -- What it can hold: nr_requests of the disk for the schedulers, nr_tags for the host's hardware, the
  -- ring's queue-size for virtio; NULL where no file says it.
  queue_limit.limit_depth AS limit_depth,
  -- The part of the depth that no request with both its ends accounts for, 0 to 1 (Little's law): of
  -- requests that began before the trace, ended after it, or lost an event. NULL where it was empty.
  queue_interval.little_residual AS little_residual
FROM queue_interval
LEFT JOIN queue_limit USING (stream_id, hop)
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
