-- Who had the CPU while a guest's threads waited for it, in ms.
SELECT victim_guest AS guest, victim_role AS waited, class,
  CASE WHEN culprit_tid = 0 THEN '(idle CPU)' ELSE culprit_comm END AS had_the_cpu,
  culprit_guest AS of_guest, count(DISTINCT culprit_tid) AS threads,
  round(sum(wait_ns) / 1e6, 3) AS wait_ms
FROM culprit
WHERE victim_guest IS NOT NULL
GROUP BY guest, waited, class, had_the_cpu, of_guest
ORDER BY sum(wait_ns) DESC, had_the_cpu
LIMIT 30;
