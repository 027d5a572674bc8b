-- The threads that waited longest for a CPU, in ms, and for whom.
SELECT * FROM (
  SELECT machine, coalesce(guest, '') AS guest, role, comm, tid,
    round(run_ns / 1e6, 3) AS run_ms, round(wait_ns / 1e6, 3) AS wait_ms,
    round(100.0 * wait_ns / nullif(run_ns + wait_ns, 0), 1) AS wait_of_ready_pct, waits,
    round(p99_wait_ns / 1e6, 3) AS p99_ms, round(max_wait_ns / 1e6, 3) AS max_ms, migrations
  FROM thread_wait
  WHERE wait_ns > 0
  -- Where there is no trace, what the kernel counted of each thread.
  UNION ALL
  SELECT machine, coalesce(guest, ''), role, comm, tid,
    round(run_ns / 1e6, 3), round(wait_ns / 1e6, 3),
    round(100.0 * wait_ns / nullif(run_ns + wait_ns, 0), 1), timeslices, NULL, NULL, NULL
  FROM task_wait
  WHERE wait_ns > 0 AND machine NOT IN (SELECT machine FROM thread_wait)
)
ORDER BY wait_ms DESC, machine, tid
LIMIT 30;
