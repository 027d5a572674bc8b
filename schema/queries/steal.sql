-- Steal by second: what the guest says, what its host shows, in %.
SELECT guest, round(coalesce(at_ns, wall_ns) / 1e9, 3) AS at_s,
  round(guest_reported_pct, 1) AS guest_reported_pct,
  round(host_measured_pct, 1) AS host_measured_pct, round(guest_busy_pct, 1) AS guest_busy_pct
FROM steal
ORDER BY guest, coalesce(at_ns, wall_ns);
