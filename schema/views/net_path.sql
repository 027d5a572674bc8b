-- A point of the path of packets between a guest and the wire, in one direction: what passed over the
-- capture and what was lost there. The tools' counters of one thing are one series in the order of their
-- dates, each stretch of time from one file; growth after a reset is counted from 0.
CREATE VIEW net_path AS
SELECT
  -- The guest; NULL for points that serve all guests of the host, and for a tap of which nothing says whose
  -- it is.
  guest AS guest,
  -- The machine whose counters they are.
  machine AS machine,
  -- Its place, from the guest outward: 1 guest softnet, 2 guest qdisc, 3 guest driver queue, 4 tap, 5 tap
  -- qdisc, 6 host softnet, 7 bridge, 8 NIC qdisc, 9 NIC.
  position AS position,
  -- What it is, with the interface's name. A bridge counts what is for the host itself or from it.
  point AS point,
  -- Packets that passed; NULL where that is not counted.
  packets AS packets,
  -- Packets that were lost: last count minus first; NULL where that is not counted. A tap's counters are
  -- named from its own side: lost on the way to the guest is its tx_dropped.
  drops AS drops,
  -- Lost packets as a part of lost and passed ones, 0 to 1; NULL where either is not counted, or 0.
  1.0 * drops / nullif(packets + drops, 0) AS drop_rate,
  -- 1: the first point that loses on the way of the packets in its direction, among those of the guest;
  -- among those that serve all guests, for one of these.
  first_loss AS first_loss,
  -- 'from_guest', 'to_guest', or 'both' where the counters do not tell.
  direction AS direction,
  -- The interface; NULL where the files do not name it, or there is none.
  object AS object,
  -- Lost packets per second; NULL without dates.
  1e9 * drops / nullif(to_wall_ns - from_wall_ns, 0) AS drops_per_s,
  -- How often a qdisc had to put a packet back because the driver's queue was full; NULL where that is not
  -- counted.
  requeues AS requeues,
  -- How often the driver stopped the queue; NULL where that is not counted.
  stops AS stops,
  -- Notifications of the other side of a virtqueue; NULL where that is not counted.
  kicks AS kicks,
  -- kicks per packet that the same file counts; NULL where either is not counted.
  1.0 * kicks / nullif(kick_packets, 0) AS kicks_per_packet,
  -- How many buffers the ring has (ethtool -g); NULL where nobody asked.
  ring_size AS ring_size,
  -- Counters that began anew meanwhile.
  resets AS resets,
  -- The first count that is used, in ns since 1970 on the machine's wall clock; NULL without dates.
  from_wall_ns AS from_wall_ns,
  -- The last one, in ns since 1970 on the machine's wall clock; NULL without dates.
  to_wall_ns AS to_wall_ns,
  -- The counters whose growth the drops are.
  counters AS counters,
  -- How it is known whose tap it is: 'command line', 'hardware address', 'only guest' or 'packet counts'.
  guest_by AS guest_by
FROM net_point
WHERE since_up = 0;
