-- A relation of one clock to the reference timeline, over a span of it:
-- reference = own + offset_ns + drift_ppm * 1e-6 * own.
CREATE VIEW clock AS
SELECT
  -- The machine whose clock it is.
  machine.name AS machine,
  -- The tool's clock.
  source_file.tool_clock AS tool_clock,
  -- The machine and tool whose clock is the reference timeline.
  reference_machine.name || ' ' || reference_file.tool_clock AS reference,
  -- 0, then one more at each step of the clock.
  clock_relation.segment AS segment,
  -- First matched pair, in ns on the own clock.
  clock_relation.from_ns AS from_ns,
  -- Last matched pair, in ns on the own clock; beyond it the bound keeps growing.
  clock_relation.to_ns AS to_ns,
  -- Reference minus own at own = 0, in ns.
  clock_relation.offset_ns AS offset_ns,
  -- How much faster the reference runs, in parts per million.
  clock_relation.drift_ppm AS drift_ppm,
  -- The largest bound inside the span, in ns: the true relation is within it.
  clock_relation.error_ns AS error_ns,
  -- The bound in the middle of the span, in ns.
  clock_relation.error_middle_ns AS error_middle_ns,
  -- How it was found. Of a guest's block trace: 'matched requests'; 'matched requests, recorded' where what
  -- was recorded of both clocks narrows the bound; 'recorded' where no request was matched; 'time shift' where trace-cmd
  -- recorded the relation that KVM keeps, and 'time shift, matched requests' where requests agree with it. Of a
  -- scheduler trace: 'one file' with the block trace, 'queued while on a CPU' or 'same events'.
  clock_relation.method AS method,
  -- Matched pairs that constrain it.
  clock_relation.pairs AS pairs,
  -- Pairs that were taken out because no single relation allows them.
  clock_relation.removed_pairs AS removed_pairs,
  -- Matched pairs whose order contradicts the relation by more than its bound.
  clock_relation.violations AS violations,
  -- The file whose times it maps.
  clock_relation.source_id AS source_id
FROM clock_relation
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN source_file AS reference_file
  ON reference_file.source_id = clock_relation.reference_source_id
JOIN machine AS reference_machine
  ON reference_machine.machine_id = reference_file.machine_id
UNION ALL
SELECT
  machine.name, source_file.tool_clock,
  machine.name || ' ' || source_file.tool_clock, 0,
  source_file.first_ns, source_file.last_ns, 0.0, 0.0, 0, 0, 'reference',
  0, 0, 0, source_file.source_id
FROM source_file
JOIN machine USING (machine_id)
WHERE source_file.source_id IN (SELECT reference_source_id FROM clock_relation);
