-- A point of the path of packets whose counters were read but once: what it passed and lost since the interface
-- came up, or since the machine was started. When that was is not known.
CREATE VIEW net_total AS
SELECT
  -- The guest; NULL as in net_path.
  guest AS guest,
  -- The machine whose counters they are.
  machine AS machine,
  -- Its place, from the guest outward, as in net_path.
  position AS position,
  -- What it is, with the interface's name.
  point AS point,
  -- Packets that passed; NULL where that is not counted.
  packets AS packets,
  -- Packets that were lost; NULL where that is not counted.
  drops AS drops,
  -- Lost packets as a part of lost and passed ones, 0 to 1; NULL where either is not counted, or 0.
  1.0 * drops / nullif(packets + drops, 0) AS drop_rate,
  -- 'from_guest', 'to_guest', or 'both' where the counters do not tell.
  direction AS direction,
  -- The interface; NULL where the files do not name it, or there is none.
  object AS object,
  -- When they were read, in ns since 1970 on the machine's wall clock; NULL without dates.
  to_wall_ns AS wall_ns,
  -- The counters that are the drops.
  counters AS counters
FROM net_point
WHERE since_up = 1;
