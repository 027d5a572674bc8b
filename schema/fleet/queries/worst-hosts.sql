-- The hosts with the longest tail of a hop, and how many incidents and I/Os that rests on.
-- {hop:String}, {since:DateTime}
SELECT
  host,
  uniqExact(incident) AS incidents,
  sum(count) AS ios,
  sum(sum_ns) / sum(count) / 1e6 AS mean_ms,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[1] / 1e6 AS p50_ms,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[3] / 1e6 AS p99_ms,
  max(max_ns) / 1e6 AS max_ms
FROM hiddenq.hop_interval FINAL
WHERE hop = {hop:String} AND op IN ('read', 'write', 'discard', 'other') AND host <> ''
  AND at >= {since:DateTime}
GROUP BY host
ORDER BY p99_ms DESC, host
LIMIT 50;
