-- A hop of a guest I/O, one row for each that was observed: for what goes through the hops of chosen I/Os. Ask
-- for these by io_id; over a whole capture `io` and `hop_summary` are faster.
CREATE VIEW io_hop AS
SELECT
  -- Number of the I/O, as in io.
  io.io_id AS io_id,
  -- The hop by the name of its column in io: 'guest_scheduler', 'virtio_queue' and its halves, 'block', ...
  hop.name AS hop,
  -- How long it took, in ns.
  {{hop_time io hop.name}} AS ns
FROM io CROSS JOIN ({{hop_names}}) AS hop
WHERE ns IS NOT NULL;
