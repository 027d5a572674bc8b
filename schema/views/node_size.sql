-- A memory node of a machine, as numactl -H or lscpu -p show it.
CREATE VIEW node_size AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The node's number.
  known.node AS node,
  -- Its memory in bytes; NULL where no file says it.
  max(known.bytes) AS bytes,
  -- How many CPUs it has; 0 where no file names one.
  count(DISTINCT known.cpu) AS cpus
FROM (
  SELECT source_id, node, NULL AS cpu, CASE kind WHEN 'size' THEN value END AS bytes
  FROM node_topology
  UNION ALL
  SELECT source_id, node, cpu, NULL FROM cpu_topology WHERE node IS NOT NULL
) AS known
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
GROUP BY machine.name, known.node;
