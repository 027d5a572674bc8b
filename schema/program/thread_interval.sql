-- A stretch of time in which a thread ran on a CPU, or waited for one. The incident file keeps them packed,
-- so only hiddenq itself can show them: `hiddenq query`.
CREATE TEMP VIEW thread_interval AS
SELECT
  -- Number of the slice: one stay on a CPU and the wait before it.
  slice.slice_id AS slice_id,
  -- 'run' or 'wait'.
  slice.kind AS kind,
  -- The machine.
  machine.name AS machine,
  -- The CPU it ran on; for a wait the one it got.
  slice.cpu AS cpu,
  -- For a wait, the CPU on whose queue it stood last; NULL where the trace does not say.
  slice.wait_cpu AS wait_cpu,
  -- Thread id; 0 is the idle task.
  sched_thread.tid AS tid,
  -- Its last name in the scheduler events' own payload.
  sched_thread.comm AS comm,
  -- Begin, in ns on the source's clock.
  slice.from_ns AS from_ns,
  -- End, in ns on the source's clock.
  slice.from_ns + slice.length_ns AS to_ns,
  -- Length, in ns.
  slice.length_ns AS length_ns,
  -- A run: how it left ('preempted', 'yielded', 'sleeping', 'blocked', 'idle', 'stopped', 'dead',
  -- 'other'). A wait: why it had to ('woken', 'created', 'preempted', 'yielded'). NULL where the
  -- trace does not say.
  slice.how AS how,
  -- The stretch of the source: times of two stretches do not compare.
  sched_thread.segment AS segment,
  -- Number of the thread in this incident.
  slice.thread_id AS thread_id,
  -- The file it was read from.
  sched_thread.source_id AS source_id,
  -- The line of the switch that gave it the CPU (timehist: that took it), from 1.
  slice.line AS line
FROM (
  SELECT slice_id, 'run' AS kind, thread_id, cpu, NULL AS wait_cpu, at_ns AS from_ns,
    run_ns AS length_ns,
    {{word LeaveReason departure}} AS how,
    line
  FROM thread_slice
  WHERE run_ns IS NOT NULL
  UNION ALL
  SELECT slice_id, 'wait', thread_id, cpu, wait_cpu, at_ns - wait_ns, wait_ns,
    {{word WaitCause cause}},
    line
  FROM thread_slice
  WHERE wait_ns IS NOT NULL
) AS slice
JOIN sched_thread USING (thread_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
