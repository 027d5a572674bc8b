-- Neighbours on the CPU that came back: who ran while guests waited, in more than one incident.
-- {since:DateTime}
SELECT
  if(culprit_guest <> '', concat('guest ', culprit_guest), culprit_comm) AS neighbour,
  uniqExact(incident) AS incidents,
  uniqExact(host) AS hosts,
  arraySort(groupUniqArray(victim_guest)) AS victims,
  sum(wait_ns) / 1e9 AS waited_s,
  min(at) AS first_seen,
  max(at) AS last_seen
FROM hiddenq.culprit FINAL
WHERE class IN ('guest', 'host') AND at >= {since:DateTime}
GROUP BY neighbour
HAVING incidents > 1
ORDER BY waited_s DESC, neighbour
LIMIT 50;
