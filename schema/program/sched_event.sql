-- An event of the scheduler as it was read, before it was folded into waits and runs: only of files that were
-- ingested with --keep-events. The incident file keeps them packed, so only hiddenq itself can show them:
-- `hiddenq query`.
CREATE TEMP VIEW sched_event AS
SELECT
  -- Number of the event, in the order of the files.
  kept.event_id AS event_id,
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- When, in ns on the source's clock.
  kept.at_ns AS at_ns,
  -- The CPU that recorded it.
  kept.cpu AS cpu,
  -- 'switch', 'waking', 'wakeup', 'wakeup_new', 'migrate', 'free', 'stat_wait', or 'other' for events that waits
  -- and runs do not need.
  {{word SchedEventKind kept.kind}} AS kind,
  -- The thread it is about; of a switch the one that leaves.
  task.pid AS tid,
  -- Its name.
  task.comm AS comm,
  -- Of a switch, the thread that comes. Else NULL.
  next.pid AS next_tid,
  -- Its name.
  next.comm AS next_comm,
  -- Of a switch, how the thread left ('preempted', 'yielded', 'sleeping', 'blocked', 'idle', 'stopped', 'dead',
  -- 'other'); NULL where the trace does not say.
  CASE WHEN kept.kind = {{code SchedEventKind switch}} THEN {{word LeaveReason kept.departure}} END AS how,
  -- The CPU it is to run on; NULL where the trace does not say.
  kept.target_cpu AS target_cpu,
  -- Of 'stat_wait': how long it had waited, in ns. Else NULL.
  CASE WHEN kept.kind = {{code SchedEventKind stat_wait}} THEN kept.delay_ns END AS delay_ns,
  -- The stretch of the source: times of two stretches do not compare.
  kept.segment AS segment,
  -- The file it was read from.
  kept.source_id AS source_id,
  -- Where it stands in the file, from 1.
  kept.line AS line
FROM kept_sched_event AS kept
LEFT JOIN task ON task.task_id = kept.task_id
LEFT JOIN task AS next ON next.task_id = kept.next_task_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
