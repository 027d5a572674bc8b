-- What is found again and again: codes by how many incidents and hosts show them.
-- {since:DateTime}
SELECT
  code,
  severity,
  uniqExact(incident) AS incidents,
  uniqExactIf(host, host <> '') AS hosts,
  uniqExactIf(guest, guest <> '') AS guests,
  min(at) AS first_seen,
  max(at) AS last_seen
FROM hiddenq.finding FINAL
WHERE confidence <> 'none' AND at >= {since:DateTime}
GROUP BY code, severity
ORDER BY incidents DESC, code, severity;
