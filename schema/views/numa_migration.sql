-- A virtual CPU's thread went to another memory node of the host.
CREATE VIEW numa_migration AS
SELECT
  -- The guest.
  thread_owner.guest AS guest,
  -- When it began to run there, on the reference timeline, in ns; NULL where no clock ties the scheduler
  -- trace to it.
  {{reference node_move.at_ns sched_thread.source_id}} AS at_ns,
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
LEFT JOIN thread_owner USING (thread_id);
