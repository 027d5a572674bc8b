-- A thread of a scheduler trace: how long it ran and how long it waited for a CPU. A tid that was
-- used again is another row, and so is a thread of another trace of the same machine.
CREATE VIEW thread_wait AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- Process id; NULL where the trace does not say.
  sched_thread.pid AS pid,
  -- Thread id.
  sched_thread.tid AS tid,
  -- Its last name in the scheduler events' own payload.
  sched_thread.comm AS comm,
  -- The guest it works for; NULL where that is not known.
  thread_owner.guest AS guest,
  -- 'vcpu', 'iothread', 'vhost', 'emulator' (another thread of a hypervisor's process), 'kernel' or
  -- 'other': from QEMU's replies and ps, else by its name. NULL until correlate has looked.
  thread_owner.role AS role,
  -- Sum of its stays on a CPU between two seen switches, in ns; edges of the trace are not guessed.
  sched_thread.run_ns AS run_ns,
  -- Sum of its waits for a CPU that were seen from begin to end, in ns: from being put on a run queue to
  -- its switch-in. A woken thread is in the queue since when sched_stat_wait tells, else since sched_waking
  -- (else sched_wakeup); one that was switched out while runnable since then.
  sched_thread.wait_ns AS wait_ns,
  -- How many waits.
  sched_thread.waits AS waits,
  -- The wait that 99 % of them do not exceed (nearest rank), in ns; NULL without any.
  sched_thread.p99_wait_ns AS p99_wait_ns,
  -- The longest wait, in ns; NULL without any.
  sched_thread.max_wait_ns AS max_wait_ns,
  -- How often it was moved to another CPU: sched_migrate_task, or without such events the stays on
  -- another CPU than the one before.
  sched_thread.migrations AS migrations,
  -- What the kernel itself counted as time on the run queue in the same trace (sched_stat_wait), in
  -- ns: the growth of run_delay in /proc/PID/schedstat. NULL where the trace has no such events; wait_ns
  -- then also holds the way from the waker to the queue.
  sched_thread.kernel_wait_ns AS kernel_wait_ns,
  -- How many stays on a CPU.
  sched_thread.runs AS runs,
  -- Number of the thread in this incident.
  sched_thread.thread_id AS thread_id,
  -- The number of the virtual CPU that it runs; NULL for others and where that is not known.
  thread_owner.vcpu AS vcpu,
  -- The stretch of the source: times of two stretches do not compare.
  sched_thread.segment AS segment,
  -- The file it was read from.
  sched_thread.source_id AS source_id
FROM sched_thread
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
LEFT JOIN thread_owner USING (thread_id)
WHERE sched_thread.tid > 0 AND source_file.duplicate_of IS NULL
  AND (sched_thread.runs > 0 OR sched_thread.waits > 0 OR sched_thread.migrations > 0);
