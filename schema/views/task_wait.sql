-- A thread by the kernel's own sums (/proc/PID/task/TID/schedstat, read several times): how long it ran and how
-- long it waited for a CPU between the first reading and the last. Rows are there once 'correlate' has run.
CREATE VIEW task_wait AS
SELECT
  -- The machine.
  task.machine AS machine,
  -- {{words Layer}}.
  task.layer AS layer,
  -- Thread id.
  task.tid AS tid,
  -- Its name, as the loop wrote it.
  task.comm AS comm,
  -- The guest it works for, by QEMU's replies; NULL where no file says it.
  known.guest AS guest,
  -- 'vcpu', 'iothread', 'vhost' or 'emulator' by QEMU's replies and ps, else by its name; NULL for others.
  coalesce(known.role, {{role task.comm}}) AS role,
  -- The number of the virtual CPU that it runs; NULL for others and where that is not known.
  coalesce(known.vcpu, {{vcpu task.comm}}) AS vcpu,
  -- How long it was on a CPU, in ns.
  task.run_ns AS run_ns,
  -- How long it waited for one, in ns.
  task.wait_ns AS wait_ns,
  -- How often it was put on a CPU; NULL where that was not written.
  task.timeslices AS timeslices,
  -- From the first reading to the last, in ns, by the dates in the file; NULL without dates.
  task.span_ns AS span_ns,
  -- How often it was read.
  task.readings AS readings
FROM (
  SELECT
    machine, layer, CAST(object AS INTEGER) AS tid, substr(object, instr(object, ' ') + 1) AS comm,
    sum(CASE WHEN counter = 'run_ns' THEN delta END) AS run_ns,
    sum(CASE WHEN counter = 'wait_ns' THEN delta END) AS wait_ns,
    sum(CASE WHEN counter = 'timeslices' THEN delta END) AS timeslices,
    sum(CASE WHEN counter = 'wait_ns' THEN interval_ns END) AS span_ns,
    sum(counter = 'wait_ns') AS readings
  FROM counter_value
  WHERE tool = 'task-schedstat'
  GROUP BY machine, layer, object
  HAVING sum(CASE WHEN counter = 'wait_ns' THEN delta END) IS NOT NULL
) AS task
LEFT JOIN (
  SELECT machine.name AS machine, thread_role.tid, max(thread_role.guest) AS guest,
    max(thread_role.role) AS role, max(thread_role.vcpu) AS vcpu
  FROM thread_role
  JOIN source_file USING (source_id)
  JOIN machine USING (machine_id)
  GROUP BY machine.name, thread_role.tid
) AS known ON known.machine = task.machine AND known.tid = task.tid;
