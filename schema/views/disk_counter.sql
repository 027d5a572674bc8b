-- What a disk or partition did from one reading of its counters to the next, whichever tool printed them; means over an
-- interval are no samples.
CREATE VIEW disk_counter AS
SELECT
  -- The machine.
  machine AS machine,
  -- {{words Layer}}.
  layer AS layer,
  -- 'proc-diskstats': what the kernel counted. 'iostat', 'sar': what was printed of it. 'domstats', 'query-blockstats': a guest's
  -- disk by QEMU.
  -- 'biosnoop': what it saw of each I/O; without its -Q the time in the queue is left out.
  tool AS tool,
  -- The disk, as the tool names it: 'sda', '8,0 sda'.
  object AS object,
  -- End of the interval, on the reference timeline, in ns; NULL where nothing ties the counters to it.
  max(at_ns) AS at_ns,
  -- End of the interval, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  max(wall_ns) AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  max(utc_offset_s) AS utc_offset_s,
  -- Its length, in ns; NULL without dates.
  max(interval_ns) AS interval_ns,
  -- Reads and writes completed per second.
  coalesce(max(CASE WHEN counter = 'tps' THEN value END), sum(CASE WHEN counter IN ('r/s', 'w/s') THEN value END), sum(CASE WHEN counter IN ('reads', 'writes') THEN delta END) * 1e9 / max(interval_ns)) AS requests_per_s,
  -- How long each took on average, queue and disk, in ms; NULL where none was completed.
  coalesce(max(CASE WHEN counter = 'await' THEN value END), (max(CASE WHEN counter = 'r/s' THEN value END) * max(CASE WHEN counter = 'r_await' THEN value END) + max(CASE WHEN counter = 'w/s' THEN value END) * max(CASE WHEN counter = 'w_await' THEN value END)) / nullif(sum(CASE WHEN counter IN ('r/s', 'w/s') THEN value END), 0), 1.0 * sum(CASE WHEN counter IN ('read_ms', 'write_ms') THEN delta END) / nullif(sum(CASE WHEN counter IN ('reads', 'writes') THEN delta END), 0)) AS await_ms,
  -- Requests in the queue and on the disk, on average.
  coalesce(max(CASE WHEN counter IN ('aqu-sz', 'avgqu-sz') THEN value END), max(CASE WHEN counter = 'weighted_ms' THEN delta END) * 1e6 / max(interval_ns)) AS depth,
  -- The part of the time in which it had any, in %.
  coalesce(max(CASE WHEN counter = '%util' THEN value END), max(CASE WHEN counter = 'io_ms' THEN delta END) * 1e8 / max(interval_ns)) AS used_pct,
  -- The file it was read from.
  source_id AS source_id,
  -- The line at which the reading begins.
  line AS line
FROM counter_value
WHERE kind = 'disk' AND tool IN ('proc-diskstats', 'iostat', 'sar', 'domstats', 'query-blockstats', 'biosnoop')
  AND (interval_ns > 0 OR nature IN ('rate', 'share', 'mean') AND wall_ns IS NULL)
GROUP BY machine, tool, object, source_id, line
HAVING max(is_reset OR is_step_back) = 0;
