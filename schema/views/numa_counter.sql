-- What numastat's counters grew by between two of its tables, per node. They count allocations, not
-- accesses. Tables of all files of a machine form one series in the order of their dates; those of a
-- file without dates, in the order of the file.
CREATE VIEW numa_counter AS
SELECT
  -- The machine.
  machine AS machine,
  -- 'guest' or 'host'.
  layer AS layer,
  -- The node's number.
  node AS node,
  -- When the interval ended, on the reference timeline, in ns; NULL until correlate finds a clock for
  -- the source.
  at_ns AS at_ns,
  -- How long it was, in ns, by the dates in the file; NULL without dates.
  wall_ns - before_wall_ns AS interval_ns,
  -- Pages allocated where the policy wanted.
  CASE
    WHEN numa_hit >= before_numa_hit THEN numa_hit - before_numa_hit
    WHEN before_numa_hit BETWEEN 2147483649 AND 4294967295 THEN numa_hit - before_numa_hit + 4294967296
    ELSE numa_hit
  END AS numa_hit,
  -- Pages allocated here though the policy wanted another node.
  CASE
    WHEN numa_miss >= before_numa_miss THEN numa_miss - before_numa_miss
    WHEN before_numa_miss BETWEEN 2147483649 AND 4294967295 THEN numa_miss - before_numa_miss + 4294967296
    ELSE numa_miss
  END AS numa_miss,
  -- Pages wanted here and allocated on another node.
  CASE
    WHEN numa_foreign >= before_numa_foreign THEN numa_foreign - before_numa_foreign
    WHEN before_numa_foreign BETWEEN 2147483649 AND 4294967295 THEN numa_foreign - before_numa_foreign + 4294967296
    ELSE numa_foreign
  END AS numa_foreign,
  -- Pages interleaved here as wanted.
  CASE
    WHEN interleave_hit >= before_interleave_hit THEN interleave_hit - before_interleave_hit
    WHEN before_interleave_hit BETWEEN 2147483649 AND 4294967295 THEN interleave_hit - before_interleave_hit + 4294967296
    ELSE interleave_hit
  END AS interleave_hit,
  -- Pages allocated here by a task running here.
  CASE
    WHEN local_node >= before_local_node THEN local_node - before_local_node
    WHEN before_local_node BETWEEN 2147483649 AND 4294967295 THEN local_node - before_local_node + 4294967296
    ELSE local_node
  END AS local_node,
  -- Pages allocated here by a task running on another node.
  CASE
    WHEN other_node >= before_other_node THEN other_node - before_other_node
    WHEN before_other_node BETWEEN 2147483649 AND 4294967295 THEN other_node - before_other_node + 4294967296
    ELSE other_node
  END AS other_node,
  -- other_node / (local_node + other_node); NULL when nothing was allocated.
  1.0 * (CASE
      WHEN other_node >= before_other_node THEN other_node - before_other_node
      WHEN before_other_node BETWEEN 2147483649 AND 4294967295 THEN other_node - before_other_node + 4294967296
      ELSE other_node
    END)
    / nullif(
    (CASE
      WHEN local_node >= before_local_node THEN local_node - before_local_node
      WHEN before_local_node BETWEEN 2147483649 AND 4294967295 THEN local_node - before_local_node + 4294967296
      ELSE local_node
    END)
    + (CASE
      WHEN other_node >= before_other_node THEN other_node - before_other_node
      WHEN before_other_node BETWEEN 2147483649 AND 4294967295 THEN other_node - before_other_node + 4294967296
      ELSE other_node
    END), 0) AS remote_ratio,
  -- 1 when a counter went back to 0 within the interval (a reboot): then the growth is what it grew
  -- since.
  (
    coalesce(
      numa_hit < before_numa_hit AND before_numa_hit NOT BETWEEN 2147483649 AND 4294967295, 0)
    OR coalesce(
      numa_miss < before_numa_miss AND before_numa_miss NOT BETWEEN 2147483649 AND 4294967295, 0)
    OR coalesce(
      numa_foreign < before_numa_foreign AND before_numa_foreign NOT BETWEEN 2147483649 AND 4294967295, 0)
    OR coalesce(
      interleave_hit < before_interleave_hit AND before_interleave_hit NOT BETWEEN 2147483649 AND 4294967295, 0)
    OR coalesce(
      local_node < before_local_node AND before_local_node NOT BETWEEN 2147483649 AND 4294967295, 0)
    OR coalesce(
      other_node < before_other_node AND before_other_node NOT BETWEEN 2147483649 AND 4294967295, 0)
  ) AS is_reset,
  -- When the interval ended, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL
  -- without dates.
  wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  utc_offset_s AS utc_offset_s,
  -- 'numastat' (pages), or 'numastat -n' (MiB with two decimals, shown as pages of 4 KiB), which is
  -- used where a machine has no other.
  tool AS tool,
  -- The file it was read from.
  source_id AS source_id,
  -- The line at which the table begins.
  line AS line
FROM (
  SELECT
    point.*,
    lag(point.ordinal) OVER series AS before_ordinal,
    lag(wall_ns) OVER series AS before_wall_ns,
    lag(numa_hit) OVER series AS before_numa_hit,
    lag(numa_miss) OVER series AS before_numa_miss,
    lag(numa_foreign) OVER series AS before_numa_foreign,
    lag(interleave_hit) OVER series AS before_interleave_hit,
    lag(local_node) OVER series AS before_local_node,
    lag(other_node) OVER series AS before_other_node
  FROM (
    SELECT
      machine.machine_id, machine.name AS machine, machine.layer,
      CAST(counter_object.name AS INTEGER) AS node, counter_object.tool,
      moment.source_id, moment.ordinal, moment.wall_ns, moment.utc_offset_s, moment.line,
      CAST(
        round(moment.wall_ns + relation.offset_ns + relation.drift_ppm * 1e-6 * moment.wall_ns)
        AS INTEGER) AS at_ns,
      max(CASE WHEN lower(counter.name) = 'numa_hit'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS numa_hit,
      max(CASE WHEN lower(counter.name) = 'numa_miss'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS numa_miss,
      max(CASE WHEN lower(counter.name) = 'numa_foreign'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS numa_foreign,
      max(CASE WHEN lower(counter.name) = 'interleave_hit'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS interleave_hit,
      max(CASE WHEN lower(counter.name) = 'local_node'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS local_node,
      max(CASE WHEN lower(counter.name) = 'other_node'
        THEN CASE counter.unit WHEN 'bytes' THEN value / 4096 ELSE value END END) AS other_node
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
    WHERE counter_object.kind = 'node'
      AND (
        counter_object.tool = 'numastat'
        OR counter_object.tool = 'numastat -n'
        AND NOT EXISTS (
          SELECT 1 FROM counter_object AS other
          WHERE other.machine_id = counter_object.machine_id AND other.tool = 'numastat'
        )
      )
    GROUP BY sample.object_id, sample.moment_id
  ) AS point
  WINDOW series AS (
    PARTITION BY machine_id, node, tool, CASE WHEN wall_ns IS NULL THEN source_id END
    ORDER BY wall_ns, source_id, ordinal
  )
)
WHERE before_ordinal IS NOT NULL;
