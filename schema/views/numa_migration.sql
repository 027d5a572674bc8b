-- A virtual CPU's thread went to another memory node of the host.
CREATE VIEW numa_migration AS
SELECT
  -- The guest.
  thread_owner.guest AS guest,
  -- When it began to run there, on the reference timeline, in ns; NULL where no clock ties the scheduler
  -- trace to it.
  CAST(
    round(node_move.at_ns + relation.offset_ns + relation.drift_ppm * 1e-6 * node_move.at_ns)
    AS INTEGER) AS at_ns,
  -- The node it left.
  node_move.from_node AS from_node,
  -- The node it came to.
  node_move.to_node AS to_node,
  -- The host.
  machine.name AS machine,
  -- Its thread id.
  sched_thread.tid AS tid,
  -- The number of the virtual CPU; NULL where that is not known.
  thread_owner.vcpu AS vcpu,
  -- The same moment in ns on the scheduler trace's own clock.
  node_move.at_ns AS own_ns,
  -- The scheduler trace.
  sched_thread.source_id AS source_id
FROM node_move
JOIN sched_thread USING (thread_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
LEFT JOIN thread_owner USING (thread_id)
LEFT JOIN clock_relation AS relation
  ON relation.source_id = sched_thread.source_id
  AND relation.segment = (
    SELECT max(piece.segment) FROM clock_relation AS piece
    WHERE piece.source_id = sched_thread.source_id
      AND (piece.segment = 0 OR piece.from_ns <= node_move.at_ns)
  );
