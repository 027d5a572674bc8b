-- A second of a guest: what it says was stolen from it, and what its virtual CPUs waited for on the host.
CREATE VIEW steal AS
SELECT
  -- The guest.
  guest AS guest,
  -- The second's begin on the reference timeline, in ns; NULL where nothing ties the guest's wall clock to
  -- it and the host's scheduler trace is missing.
  at_ns AS at_ns,
  -- Percent of the time that the guest counted which it reported as stolen (st of vmstat, or /proc/stat); a
  -- guest whose ticks come late counts less than passes, so this is too much then (see steal_reconciliation).
  -- NULL where it reported nothing then, or no clock ties the report to the timeline.
  reported_pct AS guest_reported_pct,
  -- Percent of its virtual CPUs' time that their threads waited for a CPU of the host; NULL where the
  -- host's scheduler trace does not cover nine tenths of the second at least.
  measured_pct AS host_measured_pct,
  -- Percent of the time that the guest counted which its programs and kernel used (us + sy); NULL as
  -- for guest_reported_pct.
  busy_pct AS guest_busy_pct,
  -- How long the virtual CPUs waited, all together, in ns; NULL without the host's scheduler trace.
  waited_ns AS waited_ns,
  -- How long they were on a CPU, all together, in ns; NULL without the host's scheduler trace.
  ran_ns AS ran_ns,
  -- How much of the second the host's scheduler trace covers, in ns; NULL without it.
  covered_ns AS covered_ns,
  -- How many virtual CPUs the guest has, as far as the files show; NULL where they do not.
  vcpus AS vcpus,
  -- The begin of the guest's own sample, in ns since 1970 on its wall clock, where at_ns is NULL.
  wall_ns AS wall_ns
FROM steal_second;
