-- The percentiles of every hop by day, over all I/Os of all incidents.
-- {since:DateTime}
SELECT
  toDate(at) AS day,
  hop,
  sum(count) AS ios,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[1] / 1e6 AS p50_ms,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[2] / 1e6 AS p90_ms,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[3] / 1e6 AS p99_ms,
  quantilesTDigestMerge(0.5, 0.9, 0.99, 0.999)(latency)[4] / 1e6 AS p999_ms,
  max(max_ns) / 1e6 AS max_ms
FROM hiddenq.hop_interval FINAL
WHERE op IN ('read', 'write', 'discard', 'other') AND at >= {since:DateTime}
GROUP BY day, hop
ORDER BY day, hop;
