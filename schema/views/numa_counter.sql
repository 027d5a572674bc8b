-- What numastat's counters grew by between two of its tables, per node. They count allocations, not
-- accesses. Tables of all files of a machine form one series in the order of their dates; those of a
-- file without dates, in the order of the file. Its rows are there once 'correlate' has run.
CREATE VIEW numa_counter AS
SELECT
  -- The machine.
  machine AS machine,
  -- {{words Layer}}.
  layer AS layer,
  -- The node's number.
  node AS node,
  -- When the interval ended, on the reference timeline, in ns; NULL until correlate finds a clock for
  -- the source.
  at_ns AS at_ns,
  -- How long it was, in ns, by the dates in the file; NULL without dates.
  interval_ns AS interval_ns,
  -- Pages allocated where the policy wanted.
  numa_hit AS numa_hit,
  -- Pages allocated here though the policy wanted another node.
  numa_miss AS numa_miss,
  -- Pages wanted here and allocated on another node.
  numa_foreign AS numa_foreign,
  -- Pages interleaved here as wanted.
  interleave_hit AS interleave_hit,
  -- Pages allocated here by a task running here.
  local_node AS local_node,
  -- Pages allocated here by a task running on another node.
  other_node AS other_node,
  -- other_node / (local_node + other_node); NULL when nothing was allocated.
  1.0 * other_node / nullif(local_node + other_node, 0) AS remote_ratio,
  -- 1 when its counters went back to 0 within the interval (a reboot): then the growth is what they grew
  -- since.
  is_reset AS is_reset,
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
    machine, layer, node, at_ns, max(interval_ns) AS interval_ns,
    max(CASE WHEN counter = 'numa_hit' THEN grown END) AS numa_hit,
    max(CASE WHEN counter = 'numa_miss' THEN grown END) AS numa_miss,
    max(CASE WHEN counter = 'numa_foreign' THEN grown END) AS numa_foreign,
    max(CASE WHEN counter = 'interleave_hit' THEN grown END) AS interleave_hit,
    max(CASE WHEN counter = 'local_node' THEN grown END) AS local_node,
    max(CASE WHEN counter = 'other_node' THEN grown END) AS other_node,
    max(is_reset) AS is_reset, wall_ns, utc_offset_s, tool, source_id, line
  FROM (
    SELECT
      machine.name AS machine, machine.layer, CAST(counter_object.name AS INTEGER) AS node,
      counter_object.tool, lower(counter.name) AS counter, sample.object_id, sample.moment_id,
      moment.source_id, moment.wall_ns, moment.utc_offset_s, moment.line,
      {{reference moment.wall_ns moment.source_id}} AS at_ns,
      step.interval_ns, step.kind = 2 AS is_reset,
      CASE counter.unit
        WHEN 'bytes' THEN value / 4096 - (value - step.delta) / 4096 ELSE step.delta
      END AS grown
    FROM counter_sample AS sample
    JOIN counter_step AS step USING (sample_id)
    JOIN counter_object USING (object_id)
    JOIN counter USING (counter_id)
    JOIN counter_moment AS moment USING (moment_id)
    JOIN machine USING (machine_id)
    WHERE counter_object.kind = 'node'
      AND (
        counter_object.tool = 'numastat'
        OR counter_object.tool = 'numastat -n'
        AND NOT EXISTS (
          SELECT 1 FROM counter_object AS other
          WHERE other.machine_id = counter_object.machine_id AND other.tool = 'numastat'
        )
      )
  )
  GROUP BY object_id, moment_id
);
