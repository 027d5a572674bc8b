-- Who used the CPUs of an ESXi host in one of esxtop's rows: its VMs with all their helpers, and its own services.
CREATE VIEW esx_user AS
SELECT
  -- The host.
  machine AS machine,
  -- 'vm' or 'service'.
  kind AS kind,
  -- Its name.
  object AS name,
  -- The VM, as ESXi calls it; NULL of a service.
  owner AS vm,
  -- %USED: CPU time charged, in % of one CPU.
  {{reading groupCPU used_pct}} AS used_pct,
  -- End of the row's interval, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  utc_offset_s AS utc_offset_s,
  -- Length of the interval by the times of the rows, in ns; NULL for the first row and without dates.
  interval_ns AS interval_ns,
  -- The file it was read from.
  source_id AS source_id,
  -- The row's line.
  line AS line
FROM counter_value
WHERE tool = 'esxtop' AND kind IN ('vm', 'service') AND {{reading groupCPU used_pct}} IS NOT NULL;
