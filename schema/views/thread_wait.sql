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
  NULL AS guest,
  -- By its name: 'vcpu', 'iothread', 'vhost', 'emulator', 'kernel' or 'other'. A thread called
  -- qemu-system-... may be any of QEMU's with debug-threads=off; it is 'emulator' only beside named
  -- vCPU threads.
  CASE
    WHEN sched_thread.comm GLOB 'CPU [0-9]*/KVM' OR sched_thread.comm GLOB 'CPU [0-9]*/TCG'
      OR sched_thread.comm GLOB 'fc_vcpu [0-9]*' OR sched_thread.comm GLOB 'vcpu[0-9]*'
      OR sched_thread.comm GLOB 'crosvm_vcpu[0-9]*' THEN 'vcpu'
    WHEN sched_thread.comm GLOB 'vhost-[0-9]*' THEN 'vhost'
    WHEN sched_thread.comm GLOB 'IO iothread*' OR sched_thread.comm GLOB 'IO io*' THEN 'iothread'
    WHEN (sched_thread.comm GLOB 'qemu-system-*' OR sched_thread.comm GLOB 'qemu-kvm*')
      AND sched_thread.source_id IN (
        SELECT sibling.source_id FROM sched_thread sibling WHERE sibling.comm GLOB 'CPU [0-9]*/KVM'
      ) THEN 'emulator'
    WHEN sched_thread.comm GLOB 'kworker/*' OR sched_thread.comm GLOB 'ksoftirqd/*'
      OR sched_thread.comm GLOB 'migration/*' OR sched_thread.comm GLOB 'cpuhp/*'
      OR sched_thread.comm GLOB 'rcu_*' OR sched_thread.comm GLOB 'rcuo[bgps]*/[0-9]*'
      OR sched_thread.comm GLOB 'irq/[0-9]*' OR sched_thread.comm GLOB 'kswapd[0-9]*'
      OR sched_thread.comm GLOB 'kcompactd[0-9]*' OR sched_thread.comm GLOB 'jbd2/*'
      OR sched_thread.comm GLOB 'idle_inject/*' OR sched_thread.comm GLOB 'watchdog/[0-9]*'
      OR sched_thread.comm GLOB 'ktimers/[0-9]*' OR sched_thread.comm GLOB 'napi/*'
      OR sched_thread.comm IN ('kthreadd', 'khugepaged', 'ksmd', 'kauditd', 'khungtaskd',
        'oom_reaper', 'kdevtmpfs') THEN 'kernel'
    ELSE 'other'
  END AS role,
  -- Sum of its stays on a CPU between two seen switches, in ns; edges of the trace are not guessed.
  sched_thread.run_ns AS run_ns,
  -- Sum of its waits for a CPU that were seen from begin to end, in ns: from sched_waking (else
  -- sched_wakeup, else its switch-out while runnable) to its switch-in.
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
  -- How many stays on a CPU.
  sched_thread.runs AS runs,
  -- Number of the thread in this incident.
  sched_thread.thread_id AS thread_id,
  -- The stretch of the source: times of two stretches do not compare.
  sched_thread.segment AS segment,
  -- The file it was read from.
  sched_thread.source_id AS source_id
FROM sched_thread
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE sched_thread.tid > 0 AND source_file.duplicate_of IS NULL
  AND (sched_thread.runs > 0 OR sched_thread.waits > 0 OR sched_thread.migrations > 0);
