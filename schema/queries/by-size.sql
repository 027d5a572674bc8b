-- The guest's I/O by size (to the next power of two), Q to C in ms.
SELECT guest, device, op,
  CASE
    WHEN sectors <= 1 THEN 0.5 WHEN sectors <= 8 THEN 4 WHEN sectors <= 16 THEN 8
    WHEN sectors <= 32 THEN 16 WHEN sectors <= 64 THEN 32 WHEN sectors <= 128 THEN 64
    WHEN sectors <= 256 THEN 128 WHEN sectors <= 512 THEN 256 WHEN sectors <= 1024 THEN 512
    WHEN sectors <= 2048 THEN 1024 ELSE 2048
  END AS up_to_kib,
  max(sectors) / 2.0 AS largest_kib, count(*) AS ios,
  round(avg(block_ns) / 1e6, 3) AS mean_ms, round(max(block_ns) / 1e6, 3) AS max_ms
FROM io
WHERE block_ns IS NOT NULL AND op <> 'flush'
GROUP BY guest, device, op, up_to_kib
ORDER BY guest, device, op, up_to_kib;
