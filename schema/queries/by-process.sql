-- The guest's I/O by process: how many, how much, Q to C in ms.
SELECT io.guest, io.device, request.comm AS process, io.op, count(*) AS ios,
  sum(io.sectors) / 2 AS kib,
  round(avg(io.block_ns) / 1e6, 3) AS mean_ms, round(max(io.block_ns) / 1e6, 3) AS max_ms,
  round(sum(io.block_ns) / 1e9, 3) AS waited_s
FROM io
JOIN request USING (request_id)
WHERE io.block_ns IS NOT NULL
GROUP BY io.guest, io.device, process, io.op
ORDER BY waited_s DESC, process
LIMIT 30;
