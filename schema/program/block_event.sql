-- An event of a block trace as it was read, before it was folded into a request: only of files that were
-- ingested with --keep-events. The incident file keeps them packed, so only hiddenq itself can show them:
-- `hiddenq query`.
CREATE TEMP VIEW block_event AS
SELECT
  -- Number of the event, in the order of the files.
  kept.event_id AS event_id,
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- major,minor as that machine calls the device.
  (kept.device >> 20) || ',' || (kept.device & 1048575) AS device,
  -- When, in ns on the source's clock.
  kept.at_ns AS at_ns,
  -- The CPU that recorded it; NULL where the trace does not say.
  kept.cpu AS cpu,
  -- Its number among the events of its CPU; NULL where the trace gives none.
  nullif(kept.sequence, 0) AS sequence,
  -- What happened, as blkparse writes it: 'Q', 'G', 'I', 'D', 'C', 'R', 'M', 'F', 'P', 'U', ... Messages
  -- ('m') are not kept.
  {{word BlockAction kept.action & 31}} AS action,
  -- The RWBS letters.
  {{rwbs kept.rwbs}} AS rwbs,
  -- First sector (512 bytes); NULL when the event names none.
  kept.sector AS sector,
  -- Length in sectors; 0 for flushes and events without data.
  kept.sectors AS sectors,
  -- 'A': the sector it came from. 'X': the first sector of the second half. 'U', 'UT': requests let go. Else
  -- NULL.
  CASE WHEN kept.action & 31 IN (11, 12, 13, 14) THEN kept.other END AS other,
  -- 'A': the device it came from. Else NULL.
  CASE WHEN kept.action & 31 = 14
    THEN (kept.other_device >> 20) || ',' || (kept.other_device & 1048575)
  END AS other_device,
  -- 'C', 'R': 0, or a negative errno. Else NULL.
  CASE WHEN kept.action & 31 IN (5, 6) THEN kept.error END AS error,
  -- 1: a command straight to the driver, with bytes instead of sectors.
  kept.action >> 5 AS passthrough,
  -- The thread that was running: for 'C' the one that was interrupted, if any; NULL where the trace does not
  -- say.
  task.pid AS pid,
  -- Its name.
  task.comm AS comm,
  -- The stretch of the source: times of two stretches do not compare.
  kept.segment AS segment,
  -- The file it was read from.
  kept.source_id AS source_id,
  -- Where it stands in the file: the line, or the record of a binary, from 1.
  kept.line AS line
FROM kept_block_event AS kept
LEFT JOIN task USING (task_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
