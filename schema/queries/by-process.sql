-- The guest's I/O by process: how many, how much, Q to C in ms.
WITH life AS (
  SELECT io.guest, io.device, request.comm AS process, io.op, io.sectors,
    CASE
      WHEN io.block_ns IS NOT NULL THEN io.block_ns
      -- D to C where no Q of the disk was traced.
      WHEN request.queued_ns IS NULL AND request.clock_stepped = 0
        AND (request.source_id, request.device) NOT IN
          (SELECT source_id, device FROM stage WHERE stage IN ('Q2Q', 'Q2C'))
        THEN request.completed_ns - request.issued_ns
    END AS length_ns
  FROM io
  JOIN request USING (request_id)
)
SELECT guest, device, process, op, count(*) AS ios,
  sum(sectors) / 2 AS kib,
  round(avg(length_ns) / 1e6, 3) AS mean_ms, round(max(length_ns) / 1e6, 3) AS max_ms,
  round(sum(length_ns) / 1e9, 3) AS waited_s
FROM life
WHERE length_ns IS NOT NULL
GROUP BY guest, device, process, op
ORDER BY waited_s DESC, process
LIMIT 30;
