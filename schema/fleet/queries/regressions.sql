-- Hosts and hops whose tail grew from a date on: the p99 before and since, both with their I/Os. A ratio
-- over incidents of other days is a hint where to look; 'hiddenq compare' judges two of them.
-- {since:DateTime}
SELECT
  host,
  hop,
  sumIf(count, at < {since:DateTime}) AS ios_before,
  sumIf(count, at >= {since:DateTime}) AS ios_since,
  quantilesTDigestMergeIf(0.5, 0.9, 0.99, 0.999)(latency, at < {since:DateTime})[3] / 1e6
    AS p99_before_ms,
  quantilesTDigestMergeIf(0.5, 0.9, 0.99, 0.999)(latency, at >= {since:DateTime})[3] / 1e6
    AS p99_since_ms,
  p99_since_ms / p99_before_ms AS ratio
FROM hiddenq.hop_interval FINAL
WHERE op IN ('read', 'write', 'discard', 'other') AND host <> ''
GROUP BY host, hop
HAVING ios_before >= 1000 AND ios_since >= 1000
ORDER BY ratio DESC, host, hop
LIMIT 50;
