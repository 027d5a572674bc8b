-- A row of vmstat that is a sample; the averages since boot that a run begins with are left out.
CREATE VIEW vm_counter AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- When, on the reference timeline, in ns; NULL until correlate finds a clock for the source.
  {{reference vmstat_sample.wall_ns vmstat_sample.source_id}} AS at_ns,
  -- The row's own time stamp, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL
  -- without vmstat -t or a date before the row.
  vmstat_sample.wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  vmstat_sample.utc_offset_s AS utc_offset_s,
  -- The date printed before the run, in ns since 1970; NULL when there is none.
  vmstat_sample.run_wall_ns AS run_wall_ns,
  -- Number of the vmstat process within the file, from 0.
  vmstat_sample.run AS run,
  -- Number of the row within the file, from 0, averages since boot included.
  vmstat_sample.ordinal AS ordinal,
  {{columns vmstat_sample r gu}},
  -- The file it was read from.
  vmstat_sample.source_id AS source_id,
  -- Its line in that file.
  vmstat_sample.line AS line
FROM vmstat_sample
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE vmstat_sample.since_boot = 0;
