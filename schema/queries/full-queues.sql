-- When each queue was fullest, and what it holds if a file says.
SELECT machine, device, hop, round(at_ns / 1e9, 6) AS at_s,
  round(interval_ns / 1e6, 0) AS interval_ms, arrivals, round(mean_depth, 2) AS mean_depth, max_depth,
  limit_depth, round(100.0 * max_depth / limit_depth, 1) AS full_pct
FROM (
  SELECT *, row_number() OVER (PARTITION BY machine, device, hop ORDER BY mean_depth DESC, at_ns)
    AS place
  FROM queue_depth
)
WHERE place <= 5
ORDER BY machine, device, hop, place;
