-- A counter of any tool but vmstat's default table, at a moment.
CREATE VIEW counter_value AS
SELECT
  -- The machine.
  machine AS machine,
  -- 'guest' or 'host'.
  layer AS layer,
  -- The tool or file: 'numastat', 'numastat -m', 'proc-stat', 'proc-diskstats', 'ip', ....
  tool AS tool,
  -- What is counted on: 'interface', 'queue', 'qdisc', 'cpu', ...
  kind AS kind,
  -- Its name: 'eth0', 'eth0 rx 3', 'eth0 root fq_codel 0:', the number of a CPU. '#1' where the text
  -- does not name the interface.
  object AS object,
  -- The counter by the tool's own name. An interface's tx_dropped of a tap is what its guest lost.
  counter AS counter,
  -- 'count', 'bytes', 'pages', 'sectors', 'ns', 'ms', 's' or 'ticks' (1/100 s).
  unit AS unit,
  -- 'total' grows since boot, 'level' is how much there is.
  nature AS nature,
  -- When, on the reference timeline, in ns; NULL until correlate finds a clock for the source.
  at_ns AS at_ns,
  -- When, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  utc_offset_s AS utc_offset_s,
  -- ns since the sample before; NULL for the first and without dates.
  wall_ns - before_wall_ns AS interval_ns,
  -- The value as it was read.
  value AS value,
  -- What a 'total' grew by since the sample before, wraps of 32 bits counted across and after a reset
  -- what it grew since; NULL for the first and for levels.
  CASE
    WHEN nature = 'level' OR before_value IS NULL THEN NULL
    WHEN value >= before_value THEN value - before_value
    WHEN before_value BETWEEN 2147483649 AND 4294967295 THEN value - before_value + 4294967296
    ELSE value
  END AS delta,
  -- 1 when a 'total' went back to 0 since the sample before.
  nature = 'total' AND before_value IS NOT NULL AND value < before_value
    AND before_value NOT BETWEEN 2147483649 AND 4294967295 AS is_reset,
  -- The file it was read from.
  source_id AS source_id,
  -- The line at which the moment's first table begins.
  line AS line
FROM (
  SELECT
    machine.name AS machine, machine.layer, counter_object.tool, counter_object.kind,
    counter_object.name AS object, counter.name AS counter, counter.unit, counter.nature,
    CAST(
      round(moment.wall_ns + relation.offset_ns + relation.drift_ppm * 1e-6 * moment.wall_ns)
      AS INTEGER) AS at_ns,
    moment.wall_ns, moment.utc_offset_s, moment.source_id, moment.line, sample.value,
    lag(sample.value) OVER series AS before_value,
    lag(moment.wall_ns) OVER series AS before_wall_ns
  FROM counter_sample AS sample
  JOIN counter_object USING (object_id)
  JOIN counter USING (counter_id)
  JOIN counter_moment AS moment USING (moment_id)
  JOIN machine USING (machine_id)
  LEFT JOIN clock_relation AS relation
    ON relation.source_id = moment.source_id
    AND relation.segment = (
      SELECT max(piece.segment) FROM clock_relation AS piece
      WHERE piece.source_id = moment.source_id
        AND (piece.segment = 0 OR piece.from_ns <= moment.wall_ns)
    )
  WINDOW series AS (
    PARTITION BY sample.object_id, sample.counter_id,
      CASE WHEN moment.wall_ns IS NULL THEN moment.source_id END
    ORDER BY moment.wall_ns, moment.source_id, moment.ordinal
  )
);
