-- Steal by hardware generation (table `host`): seconds seen, the mean, and the seconds above 5 %.
-- {since:DateTime}
SELECT
  if(known.generation = '', 'unknown', known.generation) AS generation,
  uniqExact(steal.host) AS hosts,
  uniqExact(incident) AS incidents,
  count() AS seconds,
  avg(host_measured_pct) AS host_measured_pct,
  avg(guest_reported_pct) AS guest_reported_pct,
  countIf(host_measured_pct > 5) AS seconds_above_5_pct
FROM hiddenq.steal AS steal FINAL
GLOBAL LEFT JOIN (SELECT host, generation FROM hiddenq.host FINAL) AS known ON known.host = steal.host
WHERE steal.at >= {since:DateTime}
GROUP BY generation
ORDER BY host_measured_pct DESC, generation;
