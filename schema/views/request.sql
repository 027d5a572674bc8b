-- A block request on one machine.
CREATE VIEW request AS
SELECT
  -- Number of the request in this incident.
  block_request.request_id AS request_id,
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- major,minor as that machine calls the device.
  block_stream.device AS device,
  -- {{words BlockOperation}}.
  {{operation block_kind}} AS op,
  -- The RWBS letters of its first event.
  {{rwbs block_kind.rwbs}} AS rwbs,
  -- First sector as completed, after merges (512 bytes); NULL for a flush.
  block_request.sector AS sector,
  -- Sectors as completed, after merges.
  block_request.sectors AS sectors,
  -- Q of its first bio, in ns on the source's clock.
  CASE WHEN block_kind.is_queued THEN block_request.at_ns END AS queued_ns,
  -- G, in ns.
  block_request.at_ns + block_request.got AS get_ns,
  -- I, in ns.
  block_request.at_ns + block_request.inserted AS inserted_ns,
  -- The first D, in ns.
  block_request.at_ns
    + coalesce(block_detour.first_issued, block_request.issued) AS first_issued_ns,
  -- The last D before completion, in ns.
  block_request.at_ns + block_request.issued AS issued_ns,
  -- C, in ns.
  block_request.at_ns + block_request.completed AS completed_ns,
  -- The end of the flush sequence after a FUA write or of an empty flush bio, in ns.
  block_request.at_ns + block_detour.finished AS finished_ns,
  -- From D FN to C FN of the cache flush that it had to wait for before its D, in ns.
  block_detour.flush_completed - block_detour.flush_issued AS flush_ns,
  -- The segment of the clock in which it began; after a step back times of two segments do not
  -- compare.
  coalesce(
    (SELECT max(clock_relation.segment) FROM clock_relation
     WHERE clock_relation.source_id = block_stream.source_id
       AND clock_relation.stretch = block_stream.segment
       AND coalesce(clock_relation.start_ns, block_request.at_ns) <= block_request.at_ns),
    block_stream.segment) AS segment,
  -- The CPU of the last D before completion; in a guest the number of its virtual CPU.
  nullif(block_request.cpus >> 17, 0) - 1 AS issued_cpu,
  -- The CPU of C, which took the interrupt; in a guest the number of its virtual CPU.
  nullif(block_request.cpus & 131071, 0) - 1 AS completed_cpu,
  -- 0, or the negative errno of its completion.
  block_kind.error AS error,
  -- The thread that queued it.
  task.pid AS pid,
  -- Its name.
  task.comm AS comm,
  -- The file it was read from.
  block_stream.source_id AS source_id,
  -- The line of its first event (record, for a binary format), from 1.
  block_request.line AS line,
  -- 1: the clock was set back while it was open, so that its times before and after do not compare.
  block_kind.traits >> 8 & 1 AS clock_stepped
FROM block_request
LEFT JOIN block_detour USING (request_id)
JOIN block_kind USING (kind_id)
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN task USING (task_id);
