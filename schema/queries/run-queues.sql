-- Each CPU's run queue: how long tasks ran and waited on it, in ms.
SELECT machine, CAST(object AS INTEGER) AS cpu,
  round(sum(CASE WHEN counter = 'run_ns' THEN delta END) / 1e6, 3) AS run_ms,
  round(sum(CASE WHEN counter = 'wait_ns' THEN delta END) / 1e6, 3) AS wait_ms,
  -- How many tasks waited on average.
  round(1.0 * sum(CASE WHEN counter = 'wait_ns' THEN delta END)
    / nullif(sum(CASE WHEN counter = 'wait_ns' THEN interval_ns END), 0), 2) AS mean_waiting,
  sum(CASE WHEN counter = 'timeslices' THEN delta END) AS timeslices,
  round(sum(CASE WHEN counter = 'wait_ns' THEN interval_ns END) / 1e9, 1) AS seconds
FROM counter_value
WHERE tool = 'proc-schedstat' AND kind = 'cpu' AND delta IS NOT NULL
GROUP BY machine, object
ORDER BY wait_ms DESC, machine, cpu;
