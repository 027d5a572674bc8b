-- A call of fsync or fdatasync, and what it waited for.
CREATE VIEW fsync AS
SELECT
  -- Number of the call in this incident.
  sync_call.sync_id AS sync_id,
  -- The machine.
  machine.name AS machine,
  -- The thread.
  sync_call.tid AS tid,
  -- Its name.
  task.comm AS comm,
  -- The file system's device, major,minor; NULL where the trace does not say.
  traced_inode.device AS device,
  -- The file's inode number.
  traced_inode.inode AS inode,
  -- Begin, in ns on the source's clock.
  sync_call.from_ns AS from_ns,
  -- How long it took, in ns; NULL: its end was not seen.
  sync_call.to_ns - sync_call.from_ns AS length_ns,
  -- 1: fdatasync.
  sync_call.data_only AS data_only,
  -- 0, or the negative errno.
  sync_call.result AS result,
  -- Block writes of its own; NULL where no block trace of the same machine is tied to the source.
  sync_wait.writes AS writes,
  -- From its begin until the last of these was complete, in ns.
  sync_wait.data_ns AS data_ns,
  -- From then until the last write or flush of the journal was complete, in ns. The rest of length_ns
  -- was neither.
  sync_wait.journal_ns AS journal_ns,
  -- The file it was read from.
  sync_call.source_id AS source_id,
  -- The line of its begin, from 1.
  sync_call.line AS line
FROM sync_call
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN task USING (task_id)
LEFT JOIN traced_inode USING (inode_id)
LEFT JOIN sync_wait USING (sync_id);
