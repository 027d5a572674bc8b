-- A percentile of block_ns with one hop taken away from each I/O: the most that any tuning of that layer
-- can gain. An upper bound, since queues interact: what leaves one queue earlier may wait in the next.
CREATE VIEW what_if AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- 'read', 'write', 'flush', 'discard', 'other', or 'all': every I/O that carries data.
  hop_without.op AS op,
  -- The hop that is taken away: 'guest_scheduler', 'virtio_queue' or its halves 'virtio_submit' and
  -- 'virtio_return', 'host_scheduler', 'hardware_queue'.
  hop_without.hop AS hop,
  -- 50, 90, 99 or 99.9.
  hop_without.percentile AS percentile,
  -- As it is, in ns.
  hop_without.now_ns AS now_ns,
  -- Without the hop, in ns.
  hop_without.without_ns AS without_ns
FROM hop_without
JOIN block_stream ON block_stream.stream_id = hop_without.guest_stream_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
