-- A row of `perf sched latency`, to check thread_wait against: perf's own sums.
CREATE VIEW sched_latency_summary AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- Name of the task.
  sched_latency_row.comm AS comm,
  -- Thread id; NULL where perf added up several threads of one name.
  sched_latency_row.tid AS tid,
  -- How many threads were added up.
  sched_latency_row.threads AS threads,
  -- Time on a CPU, in ns.
  sched_latency_row.run_ns AS run_ns,
  -- How often they were switched in.
  sched_latency_row.switches AS switches,
  -- Mean delay between wakeup and run, in ns.
  sched_latency_row.mean_delay_ns AS mean_delay_ns,
  -- The longest delay, in ns.
  sched_latency_row.max_delay_ns AS max_delay_ns,
  -- Where the longest began, in ns on perf's clock; NULL where perf does not say.
  sched_latency_row.max_from_ns AS max_from_ns,
  -- Where it ended, in ns on perf's clock; NULL where perf does not say.
  sched_latency_row.max_to_ns AS max_to_ns,
  -- The file it was read from.
  sched_latency_row.source_id AS source_id,
  -- The line, from 1.
  sched_latency_row.line AS line
FROM sched_latency_row
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
