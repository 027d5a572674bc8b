-- Who used the host's device below a guest's disk, guests apart.
WITH below AS (SELECT DISTINCT host, host_device FROM device_map),
  carried AS (SELECT DISTINCT host_request_id AS request_id FROM io WHERE host_request_id IS NOT NULL)
SELECT request.machine AS host, request.device, request.comm AS process, request.op,
  CASE WHEN carried.request_id IS NULL THEN 'no' ELSE 'yes' END AS for_a_guest,
  count(*) AS requests, sum(request.sectors) / 2 AS kib,
  round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY request.machine, request.device), 1)
    AS share_pct
FROM request
JOIN below ON below.host = request.machine AND below.host_device = request.device
LEFT JOIN carried USING (request_id)
GROUP BY request.machine, request.device, process, request.op, for_a_guest
ORDER BY request.machine, request.device, requests DESC, process;
