-- The hops of each guest disk: count, quantiles, share; times in us.
SELECT guest, device, op, hop, count,
  p50_ns / 1e3 AS p50_us, p90_ns / 1e3 AS p90_us, p99_ns / 1e3 AS p99_us,
  max_ns / 1e3 AS max_us, round(100 * share_of_total, 1) AS share_pct
FROM hop_summary
ORDER BY guest, device, op, hop;
