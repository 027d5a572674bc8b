-- A guest's own account of stolen time beside what its virtual CPUs waited for on the host: KVM feeds the one
-- from the other, so guest_stolen_pct and host_measured_pct should agree within tolerance_pct.
CREATE VIEW steal_reconciliation AS
SELECT
  -- The guest.
  steal_sum.guest AS guest,
  -- The tool whose account it is: 'vmstat' or 'proc-stat'.
  source_file.format AS tool,
  -- Percent of the time that the guest counted which it reported as stolen, as vmstat and top show it.
  steal_sum.reported_pct AS guest_reported_pct,
  -- Percent of its virtual CPUs' time that the guest counted: a guest whose ticks come late counts less than
  -- passes. By /proc/stat; NULL where it was not read twice at least over samples of the tool.
  steal_sum.counted_pct AS guest_counted_pct,
  -- Percent of its virtual CPUs' time that it reported as stolen; NULL where guest_counted_pct is.
  steal_sum.reported_pct * steal_sum.counted_pct / 100 AS guest_stolen_pct,
  -- Percent of its virtual CPUs' time that their threads waited for a CPU of the host.
  steal_sum.measured_pct AS host_measured_pct,
  -- By how many points of the virtual CPUs' time the two may differ: the kernel's own sum of the waits, which is
  -- what the guest is told, against the waits between switches; waits that go on or are not yet taken over at
  -- both ends of the window, and within the clock's bound of them; rounding. NULL where no clock ties them,
  -- so that each is over all there is of its file.
  steal_sum.tolerance_pct AS tolerance_pct,
  -- 1 where they differ by no more than that, else 0; NULL where no clock ties them, and where the guest reports
  -- more than the host and guest_counted_pct is NULL: it may have counted less time than passed.
  steal_sum.agrees AS agrees,
  -- Percent of the time that the guest counted which its programs and kernel used (us + sy).
  steal_sum.busy_pct AS guest_busy_pct,
  -- Begin of the window, in ns on the reference timeline; NULL where no clock ties them.
  steal_sum.from_ns AS from_ns,
  -- Its end, in ns on the reference timeline; NULL where no clock ties them.
  steal_sum.to_ns AS to_ns,
  -- Samples of the guest in it.
  steal_sum.samples AS samples,
  -- How many virtual CPUs.
  steal_sum.vcpus AS vcpus,
  -- The file with the guest's account.
  steal_sum.source_id AS source_id
FROM steal_sum JOIN source_file USING (source_id);
