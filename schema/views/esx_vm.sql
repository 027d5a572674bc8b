-- What ESXi's esxtop says of a VM in one of its rows: a mean over the interval that ends there. CPU time is the mean over
-- the VM's virtual CPUs; ESXi's own sums of a VM hold its helper processes, too. A column is NULL where the file has none.
CREATE VIEW esx_vm AS
SELECT
  -- The host.
  machine AS machine,
  -- The VM, as ESXi calls it.
  owner AS vm,
  -- Its virtual CPUs in this file; 0 where the file has no columns of them.
  count(DISTINCT CASE WHEN kind = 'vcpu' THEN part END) AS vcpus,
  {{esx world avg vcpu -used_pct -physical_cpu}},
  -- %RDY of the virtual CPU that waited most, in %.
  max(CASE WHEN kind = 'vcpu' THEN {{reading world ready_pct}} END) AS most_ready_pct,
  -- %USED of the whole VM with its helpers, in % of one CPU.
  max(CASE WHEN kind = 'vm' THEN {{reading groupCPU used_pct}} END) AS used_pct,
  -- %RDY of the whole VM, the sum over all its processes, in % of one CPU.
  max(CASE WHEN kind = 'vm' THEN {{reading groupCPU ready_pct}} END) AS group_ready_pct,
  {{esx groupMemory max vm}},
  -- End of the row's interval, on the reference timeline, in ns; NULL where nothing ties the file to it.
  {{reference counter_value.wall_ns counter_value.source_id}} AS at_ns,
  -- The same in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  max(wall_ns) AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  max(utc_offset_s) AS utc_offset_s,
  -- Length of the interval by the times of the rows, in ns; NULL for the first row and without dates.
  max(interval_ns) AS interval_ns,
  -- The file it was read from.
  source_id AS source_id,
  -- The row's line.
  line AS line
FROM counter_value
WHERE tool = 'esxtop' AND kind IN ('vm', 'vcpu')
GROUP BY machine, owner, source_id, line;
