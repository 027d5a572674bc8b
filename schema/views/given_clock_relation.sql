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
  -- The incident.yaml.
  path AS path,
  -- Its line, from 1.
  line AS line
FROM given_clock;
