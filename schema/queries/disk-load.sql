-- Disks by the kernel's own counters: time busy, await, queue.
WITH grown AS (
  SELECT machine, tool, substr(object, instr(object, ' ') + 1) AS disk,
    sum(CASE WHEN counter IN ('reads', 'reads_total') THEN delta END) AS reads,
    sum(CASE WHEN counter IN ('writes', 'writes_total') THEN delta END) AS writes,
    sum(CASE WHEN counter IN (
      'sectors_read', 'sectors_written', 'reads_sectors', 'writes_sectors') THEN delta END) AS sectors,
    sum(CASE WHEN counter IN ('read_ms', 'write_ms', 'reads_ms', 'writes_ms') THEN delta END) AS io_wait_ms,
    sum(CASE counter WHEN 'io_ms' THEN delta WHEN 'sec' THEN 1000 * delta END) AS busy_ms,
    sum(CASE WHEN counter = 'weighted_ms' THEN delta END) AS weighted_ms,
    sum(CASE WHEN counter IN ('reads', 'reads_total') THEN interval_ns END) AS span_ns
  FROM counter_value
  WHERE tool IN ('proc-diskstats', 'vmstat -d')
  GROUP BY machine, tool, object
)
SELECT machine, disk, reads, writes, round(sectors / 2048.0, 1) AS mib,
  round(1.0 * io_wait_ms / nullif(reads + writes, 0), 3) AS await_ms,
  round(1e8 * busy_ms / nullif(span_ns, 0), 1) AS busy_pct,
  round(1e6 * weighted_ms / nullif(span_ns, 0), 2) AS mean_queue,
  round(span_ns / 1e9, 1) AS seconds
FROM grown
WHERE reads + writes > 0
ORDER BY busy_ms DESC, machine, disk;
