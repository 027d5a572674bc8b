-- What the I/Os around a percentile of block_ns spent where: their own hops, which add up, not
-- percentiles of hops, which do not. Around: half a percent on either side, near the end half of what is
-- left, at least two I/Os.
CREATE VIEW tail AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- 'read', 'write', 'flush', 'discard', 'other', or 'all': every I/O that carries data.
  tail_share.op AS op,
  -- 50, 90, 99 or 99.9.
  tail_share.percentile AS percentile,
  -- 'guest_scheduler', 'virtio_queue' and its halves 'virtio_submit' and 'virtio_return',
  -- 'host_scheduler', 'hardware_queue', or 'block': all from Q to C.
  tail_share.hop AS hop,
  -- Its mean over those I/Os, in ns.
  tail_share.mean_ns AS mean_ns,
  -- That, as a part of their mean block_ns, 0 to 1.
  tail_share.share AS share,
  -- How many I/Os are around the percentile.
  tail_share.ios AS ios
FROM tail_share
JOIN block_stream ON block_stream.stream_id = tail_share.guest_stream_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
