-- A CPU of a host on which a thread ran: of the guests' threads, and of others for which these waited for a hundredth of the
-- trace at least.
CREATE VIEW thread_cpu AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The thread.
  sched_thread.tid AS tid,
  -- Its name.
  sched_thread.comm AS comm,
  -- The guest it works for; NULL for others.
  thread_owner.guest AS guest,
  -- Its role, as in thread_wait.
  thread_owner.role AS role,
  {{columns thread_place cpu cpu}},
  -- Number of the thread in this incident.
  sched_thread.thread_id AS thread_id,
  -- The file it was read from.
  sched_thread.source_id AS source_id
FROM thread_place
JOIN sched_thread USING (thread_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
LEFT JOIN thread_owner USING (thread_id);
