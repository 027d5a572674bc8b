-- A counter of any tool but vmstat's default table, at a moment. Samples of one object from several files of a
-- machine form one series in the order of their dates; those of a file without dates, in the order of the
-- file. Intervals, growth and resets are there once 'correlate' has run.
CREATE VIEW counter_value AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- The tool or file: 'numastat', 'numastat -m', 'proc-stat', 'proc-diskstats', 'ip', .....
  counter_object.tool AS tool,
  -- What is counted on: 'interface', 'queue', 'qdisc', 'cpu', ... Of esxtop also 'vm', 'vcpu', 'service', 'disk_user',
  -- 'virtual_disk', 'datastore' and 'port'.
  counter_object.kind AS kind,
  -- Its name: 'eth0', 'eth0 rx 3', 'eth0 root fq_codel 0:', the number of a CPU. '#3:1' is the first table of
  -- source 3, where neither the text nor the file's name says which interface it is about.
  counter_object.name AS object,
  -- The counter by the tool's own name. An interface's tx_dropped of a tap is what its guest lost.
  counter.name AS counter,
  -- 'count', 'bytes', 'KiB', 'MiB', 'pages', 'sectors', 'ns', 'ms', 's', 'ticks' (1/100 s) or '%'.
  counter.unit AS unit,
  -- 'total' grows since boot, 'level' is how much there is; 'rate' (a second), 'share' and 'mean' are of the interval
  -- before, 'since_boot' is one of these from the machine's start on.
  counter.nature AS nature,
  -- When, on the reference timeline, in ns; NULL until correlate finds a clock for the source.
  {{reference moment.wall_ns moment.source_id}} AS at_ns,
  -- When, in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  moment.wall_ns AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  moment.utc_offset_s AS utc_offset_s,
  -- ns since the sample before, of rates, shares and means since the reading before; NULL for the first and without dates.
  CASE counter_object.tool WHEN 'esxtop' THEN {{moment_interval}} ELSE step.interval_ns END AS interval_ns,
  -- The value as it was read: a real number where it was printed with decimal places.
  CASE counter.scale WHEN 1 THEN sample.value ELSE 1.0 * sample.value / counter.scale END AS value,
  -- What a 'total' grew by since the sample before, wraps of 32 bits counted across and after a reset
  -- what it grew since; NULL for the first and for levels.
  step.delta AS delta,
  -- 1 when a 'total' went back to 0 since the sample before, and most others of its reading with it.
  coalesce(step.kind = 2, 0) AS is_reset,
  -- The file it was read from.
  moment.source_id AS source_id,
  -- The line at which the moment's first table begins.
  moment.line AS line,
  -- 1 when it fell by itself while the other counters of its reading went on: the step is left out (delta 0).
  coalesce(step.kind = 3, 0) AS is_step_back,
  -- The virtual machine that the object belongs to, where its host's tool says so.
  counter_object.owner AS owner,
  -- What of its owner, or which disk of the host, the object is: '0' of virtual CPUs, 'scsi0:0' of its disks.
  counter_object.part AS part
FROM counter_sample AS sample
JOIN counter_object USING (object_id)
JOIN counter USING (counter_id)
JOIN counter_moment AS moment USING (moment_id)
JOIN machine USING (machine_id)
LEFT JOIN counter_step AS step USING (sample_id);
