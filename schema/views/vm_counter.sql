-- A row of vmstat that is a sample; the averages since boot that a run begins with are left out.
CREATE VIEW vm_counter AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- When, on the reference timeline, in ns; NULL until correlate finds a clock for the source.
  {{reference sample.wall_ns sample.source_id}} AS at_ns,
  -- The row's own time stamp, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL
  -- without vmstat -t or a date before the row.
  sample.wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  sample.utc_offset_s AS utc_offset_s,
  -- The date printed before the run, in ns since 1970; NULL when there is none.
  sample.run_wall_ns AS run_wall_ns,
  -- Number of the vmstat process within the file, from 0.
  sample.run AS run,
  -- Number of the row within the file, from 0, averages since boot included.
  sample.ordinal AS ordinal,
  -- Tasks running or waiting for a CPU.
  sample.r AS r,
  -- Tasks in uninterruptible sleep.
  sample.b AS b,
  -- Swapped out tasks (procps 2 only).
  sample.w AS w,
  -- Memory swapped out, as printed: KiB unless vmstat -S was used.
  sample.swpd AS swpd,
  -- Free memory, as printed: KiB unless vmstat -S was used.
  sample.free AS free,
  -- Buffers, as printed: KiB unless vmstat -S was used; NULL with -a.
  sample.buff AS buff,
  -- Page cache, as printed: KiB unless vmstat -S was used; NULL with -a.
  sample.cache AS cache,
  -- Inactive memory, as printed: KiB unless vmstat -S was used; NULL without -a.
  sample.inact AS inact,
  -- Active memory, as printed: KiB unless vmstat -S was used; NULL without -a.
  sample.active AS active,
  -- Swapped in per second, as printed: KiB unless vmstat -S was used.
  sample.si AS si,
  -- Swapped out per second, as printed: KiB unless vmstat -S was used.
  sample.so AS so,
  -- KiB read from block devices per second.
  sample.bi AS bi,
  -- KiB written to block devices per second.
  sample.bo AS bo,
  -- Interrupts per second.
  sample."in" AS "in",
  -- Context switches per second.
  sample.cs AS cs,
  -- Percent of CPU time in user code; includes guests in versions without gu.
  sample.us AS us,
  -- Percent of CPU time in the kernel.
  sample.sy AS sy,
  -- Percent of CPU time idle.
  sample.id AS id,
  -- Percent of CPU time waiting for I/O.
  sample.wa AS wa,
  -- Percent of CPU time stolen by the host.
  sample.st AS st,
  -- Percent of CPU time running guests; NULL in versions without the column.
  sample.gu AS gu,
  -- The file it was read from.
  sample.source_id AS source_id,
  -- Its line in that file.
  sample.line AS line
FROM vmstat_sample AS sample
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE sample.since_boot = 0;
