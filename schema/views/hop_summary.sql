-- A hop of a guest's disk over all I/Os that were matched. Quantiles are exact (nearest rank).
CREATE VIEW hop_summary AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- 'read', 'write', 'flush', 'discard', 'other', or 'all': every I/O that carries data.
  -- Flushes are apart; they have other costs.
  hop_quantile.op AS op,
  -- {{words Hop}}.
  -- 'block' is from Q to C; 'below_guest', from D to C in the guest, is there where nothing of the host is known, 'qemu' and
  -- 'backend' where QEMU's own trace alone shows the disk.
  hop_quantile.hop AS hop,
  -- I/Os in which the hop was observed.
  hop_quantile.count AS count,
  -- The mean, in ns.
  hop_quantile.mean_ns AS mean_ns,
  -- The median, in ns.
  hop_quantile.p50_ns AS p50_ns,
  -- 90 % are not longer, in ns.
  hop_quantile.p90_ns AS p90_ns,
  -- 99 % are not longer, in ns.
  hop_quantile.p99_ns AS p99_ns,
  -- 99.9 % are not longer, in ns.
  hop_quantile.p999_ns AS p999_ns,
  -- The longest, in ns.
  hop_quantile.max_ns AS max_ns,
  -- Its part of the sum of all totals, 0 to 1.
  hop_quantile.share_of_total AS share_of_total
FROM hop_quantile
JOIN block_stream ON block_stream.stream_id = hop_quantile.guest_stream_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
