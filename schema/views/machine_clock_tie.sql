-- How two clocks of one machine lie: other = own + offset_ns + drift_ppm * 1e-6 * own.
CREATE VIEW machine_clock_tie AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The file whose times are mapped.
  machine_clock.source_id AS source_id,
  -- The file onto whose clock.
  machine_clock.other_source_id AS other_source_id,
  -- 0, then one more at each step of the difference.
  machine_clock.segment AS segment,
  -- First moment in both, in ns on the own clock.
  machine_clock.from_ns AS from_ns,
  -- Last moment in both, in ns on the own clock.
  machine_clock.to_ns AS to_ns,
  -- Other minus own at own = 0, in ns.
  machine_clock.offset_ns AS offset_ns,
  -- How much faster the other runs, in parts per million.
  machine_clock.drift_ppm AS drift_ppm,
  -- How far off the relation may be between from_ns and to_ns, in ns.
  machine_clock.error_ns AS error_ns,
  -- 'one file': both are in one file, whose events one clock stamped. 'queued while on a CPU': a thread that queues a
  -- bio is on a CPU. 'same events', or 'writes within write-back' where no event is in both.
  machine_clock.method AS method,
  -- Pairs that it rests on.
  machine_clock.pairs AS pairs,
  -- Pairs that were taken out.
  machine_clock.removed_pairs AS removed_pairs
FROM machine_clock
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
