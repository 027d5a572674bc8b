-- A relation of two clocks, as an incident.yaml gives it.
CREATE VIEW given_clock_relation AS
SELECT
  -- The machine whose clock it is.
  machine AS machine,
  -- The clock, as source.tool_clock calls it.
  tool_clock AS tool_clock,
  -- The machine of the other clock.
  reference AS reference,
  -- The other clock, as source.tool_clock calls it.
  reference_tool_clock AS reference_tool_clock,
  -- Reference minus own at own = 0, in ns.
  offset_ns AS offset_ns,
  -- By how much the reference is faster, in parts per million: reference = own + offset_ns + drift_ppm * 1e-6 * own.
  drift_ppm AS drift_ppm,
  -- How far off that may be, in ns; NULL when it was not said.
  error_ns AS error_ns,
  -- 1: a clock of 'hiddenq correlate' rests on it; 0: nothing ties the other clock to the reference timeline,
  -- or no file has times of this one.
  EXISTS (
    SELECT 1 FROM clock_relation
    JOIN source_file USING (source_id) JOIN machine AS own USING (machine_id)
    WHERE own.name = given_clock.machine AND source_file.tool_clock = given_clock.tool_clock
      AND clock_relation.method LIKE 'given%') AS is_used,
  -- The incident.yaml.
  path AS path,
  -- Its line, from 1.
  line AS line
FROM given_clock;
