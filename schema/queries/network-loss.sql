-- The queues that lost packets, in the order of the way.
SELECT coalesce(guest, '') AS guest, direction, point, machine, packets, drops,
  round(100 * drop_rate, 3) AS lost_pct, round(drops_per_s, 1) AS drops_per_s, ring_size, first_loss
FROM net_path
WHERE drops > 0
ORDER BY guest, direction, position, point;
