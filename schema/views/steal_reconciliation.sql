-- A guest's own account of stolen time beside what its virtual CPUs waited for on the host: KVM feeds the one
-- from the other, so they should agree within tolerance_pct.
CREATE VIEW steal_reconciliation AS
SELECT
  -- The guest.
  steal_sum.guest AS guest,
  -- The tool whose account it is: 'vmstat' or 'proc-stat'.
  source_file.format AS tool,
  -- Percent of its virtual CPUs' time that the guest reported as stolen.
  steal_sum.reported_pct AS guest_reported_pct,
  -- Percent of its virtual CPUs' time that their threads waited for a CPU of the host.
  steal_sum.measured_pct AS host_measured_pct,
  -- By how many points they may differ: a quarter of the larger (ticks of 10 ms, samples that a starved guest
  -- takes late), half a point for rounding in vmstat, and the clock's bound at both ends of the window.
  -- NULL where no clock ties them, so that each is over all there is of its file.
  steal_sum.tolerance_pct AS tolerance_pct,
  -- 1 where they differ by no more than that, else 0; NULL where no clock ties them.
  abs(steal_sum.reported_pct - steal_sum.measured_pct) <= steal_sum.tolerance_pct AS agrees,
  -- Percent of its virtual CPUs' time that the guest says its programs and kernel used (us + sy).
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
