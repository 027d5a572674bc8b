-- A guest's thread of which a file says which CPUs it may use (taskset): how much of its waits for a CPU lies in times in
-- which another of them was idle. A thread that may use one CPU alone has none. Threads without such a file are not judged.
CREATE VIEW avoidable_wait AS
SELECT
  -- The host.
  machine.name AS machine,
  -- Thread id.
  sched_thread.tid AS tid,
  -- Its last name in the scheduler events' own payload.
  sched_thread.comm AS comm,
  -- The guest it works for.
  thread_owner.guest AS guest,
  -- Its role, as in thread_wait.
  thread_owner.role AS role,
  {{columns avoidable_wait_sum allowed_cpus avoidable_ns}},
  -- That, as a part of its waits, 0 to 1.
  1.0 * avoidable_wait_sum.avoidable_ns / avoidable_wait_sum.waited_ns AS share,
  {{columns avoidable_wait_sum idle_cpus}},
  -- The file it was read from.
  sched_thread.source_id AS source_id
FROM avoidable_wait_sum
JOIN sched_thread USING (thread_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
LEFT JOIN thread_owner USING (thread_id);
