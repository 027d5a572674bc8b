-- What a machine's CPUs did from one reading of their counters to the next, whichever tool printed them; means over an
-- interval are no samples.
CREATE VIEW cpu_counter AS
SELECT
  -- The machine.
  machine AS machine,
  -- {{words Layer}}.
  layer AS layer,
  -- 'proc-stat': what the kernel counted. 'vmstat', 'mpstat', 'sar', 'iostat', 'top': what was printed of it.
  tool AS tool,
  -- The CPU; NULL for all together.
  cpu AS cpu,
  -- End of the interval, on the reference timeline, in ns; NULL where nothing ties the counters to it.
  at_ns AS at_ns,
  -- End of the interval, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  utc_offset_s AS utc_offset_s,
  -- Its length, in ns; NULL without dates.
  interval_ns AS interval_ns,
  -- The part of the time in which programs or the kernel ran, in %.
  busy_pct AS busy_pct,
  -- The part in which nothing ran and I/O was waited for, in %.
  iowait_pct AS iowait_pct,
  -- The part that was stolen by the host, in %.
  steal_pct AS steal_pct,
  -- Tasks that ran or waited for a CPU at its end; NULL where the tool does not print it.
  run_queue AS run_queue,
  -- The file it was read from.
  source_id AS source_id,
  -- The line at which the reading begins.
  line AS line
FROM (
  SELECT machine, layer, tool, CASE kind WHEN 'cpu' THEN object END AS cpu, max(at_ns) AS at_ns, max(wall_ns) AS wall_ns,
    max(utc_offset_s) AS utc_offset_s, max(interval_ns) AS interval_ns,
    100.0 * sum(CASE WHEN counter IN ('user', 'nice', 'system', 'irq', 'softirq') THEN delta END) / sum(delta) AS busy_pct,
    100.0 * max(CASE WHEN counter = 'iowait' THEN delta END) / sum(delta) AS iowait_pct,
    100.0 * max(CASE WHEN counter = 'steal' THEN delta END) / sum(delta) AS steal_pct, NULL AS run_queue, source_id, line
  FROM counter_value
  WHERE tool = 'proc-stat' AND kind IN ('machine', 'cpu') AND unit = 'ticks' AND delta IS NOT NULL
    AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
  GROUP BY machine, kind, object, source_id, line
  HAVING max(is_reset) = 0 AND sum(delta) > 0
  UNION ALL
  SELECT machine, layer, tool, CASE kind WHEN 'cpu' THEN object END, max(at_ns), max(wall_ns), max(utc_offset_s),
    max(interval_ns), 100.0 - sum(CASE WHEN counter IN ('%idle', '%iowait', '%steal') THEN value END),
    max(CASE WHEN counter = '%iowait' THEN value END), max(CASE WHEN counter = '%steal' THEN value END), NULL,
    source_id, line
  FROM counter_value
  WHERE tool IN ('mpstat', 'sar', 'iostat', 'top') AND kind IN ('machine', 'cpu') AND nature = 'share'
  GROUP BY machine, tool, kind, object, source_id, line
  HAVING max(counter = '%idle') = 1
  UNION ALL
  SELECT machine, layer, 'vmstat', NULL, at_ns, wall_ns, utc_offset_s,
    wall_ns - lag(wall_ns) OVER (PARTITION BY source_id, run ORDER BY ordinal), us + sy, wa, st, r, source_id, line
  FROM vm_counter
);
