-- An ingested file.
CREATE VIEW source AS
SELECT
  -- Number of the file in this incident.
  source_file.source_id AS source_id,
  -- The path as it was given.
  source_file.path AS path,
  -- SHA-256 of its bytes, in hexadecimal.
  source_file.sha256 AS sha256,
  -- Its size in bytes.
  source_file.bytes AS bytes,
  -- The format it was read as; of a refused file, the one it was taken for, 'unknown'
  -- where not even its beginning could be read.
  source_file.format AS format,
  -- The machine it is from.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- What its times count: 'blktrace' is CLOCK_MONOTONIC since the first event of the trace,
  -- 'perf' and 'ftrace' are sched_clock, 'wall' is the wall clock that was written along, 'none'
  -- says that the file has no times, or was refused; a clock that the file names is called as the kernel does.
  source_file.tool_clock AS tool_clock,
  -- The step of its printed times, in ns; NULL where it is not known.
  source_file.resolution_ns AS resolution_ns,
  -- The absolute start of that clock, in ns on start_clock; NULL where the file does not say.
  source_file.start_ns AS start_ns,
  -- The clock of start_ns; NULL where the file does not say.
  source_file.start_clock AS start_clock,
  -- The same start in ns on CLOCK_MONOTONIC; NULL where the file does not say.
  source_file.monotonic_start_ns AS monotonic_start_ns,
  -- Lines read (records, for a binary format).
  source_file.lines AS lines,
  -- Events used.
  source_file.events AS events,
  -- Lines that could not be used; why is in problem.
  source_file.skipped_lines AS skipped_lines,
  -- Events that the tracer lost, counted from the gaps in its numbering.
  source_file.lost_events AS lost_events,
  -- The earliest event, in ns on the file's own clock.
  source_file.first_ns AS first_ns,
  -- The latest event, in ns on the file's own clock.
  source_file.last_ns AS last_ns,
  -- The source that holds the same events and is used instead; NULL when this one is used.
  source_file.duplicate_of AS duplicate_of,
  -- 1: refused as a whole, nothing of it was used; why is in problem, with severity 'refused'.
  source_file.refused AS refused
FROM source_file JOIN machine USING (machine_id);
