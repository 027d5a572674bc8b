-- Steal by second: what the guest says, what its host shows, in %.
SELECT guest, round(at_ns / 1e9, 3) AS at_s, round(guest_reported_pct, 1) AS guest_reported_pct,
  round(host_measured_pct, 1) AS host_measured_pct, round(guest_busy_pct, 1) AS guest_busy_pct
FROM steal
WHERE at_ns IS NOT NULL
ORDER BY guest, at_ns;
