-- The wall clock of a timeline: a moment of it plus unix_ns - at_ns is that moment in ns since 1970 in UTC. A timeline is
-- the reference timeline, or a guest's own clock where nothing ties it to a host. One whose date no file tells has no row.
CREATE VIEW wall_time AS
SELECT
  -- The machine and tool whose clock the timeline is, as the view clock calls it.
  told.reference AS reference,
  -- A moment of it, in ns.
  told.at_ns AS at_ns,
  -- The same moment in ns since 1970 in UTC, by the wall clock of the machine whose file tells it.
  told.unix_ns AS unix_ns,
  -- How far the two may be apart, in ns.
  told.error_ns AS error_ns,
  -- The file that tells it: of several the timeline's own trace, then one of the same machine, then the closest.
  told.source AS source
FROM (
  WITH moment AS (
    -- When a trace began on the wall clock is read a moment beside its first time.
    SELECT source_id, machine_id, path, tool_clock, coalesce(first_ns, 0) AS own_ns,
      start_ns + coalesce(first_ns, 0) AS unix_ns, 1000000 AS error_ns
    FROM source_file
    WHERE start_clock = 'CLOCK_REALTIME' AND start_ns IS NOT NULL AND tool_clock <> 'wall' AND duplicate_of IS NULL
    UNION ALL
    SELECT source_id, machine_id, path, tool_clock, first_ns, first_ns, 0
    FROM source_file
    WHERE tool_clock = 'wall' AND first_ns IS NOT NULL AND duplicate_of IS NULL
      -- Local times of a zone that is not known.
      AND source_id NOT IN (SELECT source_id FROM counter_moment WHERE wall_ns IS NOT NULL AND utc_offset_s IS NULL)
      AND source_id NOT IN (
        SELECT source_id FROM vmstat_sample
        WHERE coalesce(wall_ns, run_wall_ns) IS NOT NULL AND utc_offset_s IS NULL)),
  placed AS (
    SELECT moment.*, source_id AS timeline_id, own_ns AS at_ns
    FROM moment
    WHERE tool_clock <> 'wall' AND source_id NOT IN (SELECT source_id FROM clock_relation)
      AND (source_id IN (SELECT reference_source_id FROM clock_relation)
        OR source_id IN (SELECT source_id FROM block_stream)
          AND machine_id NOT IN (SELECT machine_id FROM clock_relation JOIN source_file USING (source_id)))
    UNION ALL
    SELECT moment.source_id, moment.machine_id, moment.path, moment.tool_clock, moment.own_ns, moment.unix_ns,
      moment.error_ns + tie.error_ns, tie.reference_source_id, {{reference moment.own_ns moment.source_id}}
    FROM moment
    JOIN clock_relation AS tie ON tie.source_id = moment.source_id AND tie.segment = 0)
  SELECT machine.name || ' ' || timeline.tool_clock AS reference, placed.at_ns, placed.unix_ns, placed.error_ns,
    placed.path AS source,
    row_number() OVER (
      PARTITION BY placed.timeline_id
      ORDER BY placed.source_id = placed.timeline_id DESC, placed.machine_id = timeline.machine_id DESC,
        placed.error_ns, placed.source_id) AS place
  FROM placed
  JOIN source_file AS timeline ON timeline.source_id = placed.timeline_id
  JOIN machine ON machine.machine_id = timeline.machine_id
  WHERE placed.at_ns IS NOT NULL) AS told
WHERE told.place = 1;
