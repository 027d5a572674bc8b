-- Steal by hardware generation (table `host`): seconds seen, the mean, and the seconds above 5 %.
-- {since:DateTime}
SELECT
  if(known.generation = '', 'unknown', known.generation) AS generation,
  uniqExact(steal.host) AS hosts,
  uniqExact(incident) AS incidents,
  count() AS seconds,
  avg(steal.host_measured_pct) AS mean_host_measured_pct,
  avg(steal.guest_reported_pct) AS mean_guest_reported_pct,
  countIf(steal.host_measured_pct > 5) AS seconds_above_5_pct
FROM hiddenq.steal AS steal FINAL
GLOBAL LEFT JOIN (SELECT host, generation FROM hiddenq.host FINAL) AS known ON known.host = steal.host
WHERE steal.at >= {since:DateTime}
GROUP BY generation
ORDER BY mean_host_measured_pct DESC, generation;
