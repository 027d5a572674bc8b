-- Who was on a CPU while a thread waited for it. The rows of a victim add up to its wait_ns in
-- thread_wait.
CREATE VIEW culprit AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The thread that waited.
  victim.tid AS victim_tid,
  -- Its name.
  victim.comm AS victim_comm,
  -- The guest it works for; NULL where that is not known.
  victim_owner.guest AS victim_guest,
  -- The thread that ran, 0 for the CPU's idle task; NULL where the trace shows nobody.
  culprit.tid AS culprit_tid,
  -- Its name; 'swapper/N' is the idle task of CPU N.
  culprit.comm AS culprit_comm,
  -- The guest it works for; NULL for others.
  culprit_owner.guest AS culprit_guest,
  -- 'guest' (another guest), 'sibling' (the same guest), 'host' (a process of the host), 'kernel' (one of
  -- its threads, or the CPU's way out of idle after a wakeup), 'throttled' (the CPU was idle although the
  -- thread could run, for longer than that takes: a quota) or 'unknown' (nobody was seen there).
  culprit_sum.class AS class,
  -- How long it was there during the victim's waits, in ns.
  culprit_sum.wait_ns AS wait_ns,
  -- That, as a part of the victim's waits, 0 to 1.
  1.0 * culprit_sum.wait_ns / victim.wait_ns AS share,
  -- The victim's role, as in thread_wait.
  victim_owner.role AS victim_role,
  -- The culprit's process, as far as the trace says; NULL where it does not.
  culprit.pid AS culprit_pid,
  -- Number of the thread that waited.
  victim.thread_id AS victim_thread_id,
  -- Number of the thread that ran.
  culprit.thread_id AS culprit_thread_id,
  -- The file it was read from.
  victim.source_id AS source_id
FROM culprit_sum
JOIN sched_thread AS victim ON victim.thread_id = culprit_sum.victim_thread_id
JOIN source_file ON source_file.source_id = victim.source_id
JOIN machine USING (machine_id)
LEFT JOIN thread_owner AS victim_owner ON victim_owner.thread_id = victim.thread_id
LEFT JOIN sched_thread AS culprit ON culprit.thread_id = culprit_sum.culprit_thread_id
LEFT JOIN thread_owner AS culprit_owner ON culprit_owner.thread_id = culprit.thread_id;
