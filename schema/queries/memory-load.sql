-- Memory and run queue: swap, reclaim, tasks waiting or blocked.
SELECT machine, tool AS source, counter AS what, sum(delta) AS total,
  round(1e9 * sum(delta) / nullif(sum(interval_ns), 0), 1) AS mean, NULL AS most,
  count(*) AS samples
FROM counter_value
WHERE delta IS NOT NULL AND (
  tool = 'proc-vmstat' AND (
    counter IN ('pswpin', 'pswpout', 'pgmajfault', 'oom_kill', 'compact_stall')
    OR counter GLOB 'allocstall*' OR counter GLOB 'pgscan_direct*' OR counter GLOB 'pgsteal_direct*')
  OR tool = 'vmstat -s' AND counter IN ('pages swapped in', 'pages swapped out'))
GROUP BY machine, tool, counter
UNION ALL
SELECT machine, 'vmstat', value.what, NULL, round(avg(value.number), 1), max(value.number),
  count(value.number)
FROM (
  SELECT machine, 'r (running or waiting)' AS what, r AS number FROM vm_counter
  UNION ALL SELECT machine, 'b (blocked)', b FROM vm_counter
  UNION ALL SELECT machine, 'si (swapped in)', si FROM vm_counter
  UNION ALL SELECT machine, 'so (swapped out)', so FROM vm_counter
  UNION ALL SELECT machine, 'wa (percent)', wa FROM vm_counter
) AS value
WHERE value.number IS NOT NULL
GROUP BY machine, value.what
ORDER BY machine, source, what;
