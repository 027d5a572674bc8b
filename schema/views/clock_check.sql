-- A recorded relation of a guest's clock to its host's beside the one that the requests show, at a moment
-- for which something was recorded.
CREATE VIEW clock_check AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- 'given': an incident.yaml says it. 'readings': somebody read the guest's clock between two readings of
  -- the host's; CLOCK_MONOTONIC (else the wall clocks) and the starts of both traces on it make it a relation.
  -- 'time shift': trace-cmd recorded it in the guest's file.
  recorded_clock.origin AS origin,
  -- The file.
  recorded_clock.path AS path,
  -- Its line, from 1; NULL where it has no lines.
  recorded_clock.line AS line,
  -- The moment, in ns on the guest's trace clock; it may lie before or after the trace.
  recorded_clock.at_ns AS at_ns,
  -- The same on the reference timeline by the record, in ns,
  recorded_clock.recorded_ns AS recorded_ns,
  -- and how far off that may be, in ns; 0 when it was not said.
  recorded_clock.recorded_error_ns AS recorded_error_ns,
  -- The same by the requests alone, in ns,
  recorded_clock.found_ns AS found_ns,
  -- and how far off that may be, in ns; NULL where they do not tell: no request is near, and the clock may
  -- have stepped in between (a guest that was paused).
  recorded_clock.found_error_ns AS found_error_ns,
  -- 1: they are further apart than both may be off, so that one of the two is wrong; NULL where that cannot be
  -- told.
  abs(recorded_clock.recorded_ns - recorded_clock.found_ns)
    > recorded_clock.recorded_error_ns + recorded_clock.found_error_ns AS contradicts,
  -- The guest's trace.
  recorded_clock.source_id AS source_id,
  -- The host's trace whose clock is the reference.
  recorded_clock.reference_source_id AS reference_source_id
FROM recorded_clock
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
