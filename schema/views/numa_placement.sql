-- A guest and a memory node of its host: how much of its time its virtual CPUs ran there, and how much of
-- its memory lies there.
CREATE VIEW numa_placement AS
SELECT
  -- The guest.
  guest AS guest,
  -- The node's number.
  node AS node,
  -- The part of its virtual CPUs' time on a CPU that they spent on this node's CPUs, 0 to 1; NULL without the
  -- host's scheduler trace, or without lscpu -p.
  1.0 * run_ns / nullif(sum(run_ns) OVER guest, 0) AS run_share,
  -- The part of its process's memory that lies here (numastat -p, the mean of its tables), 0 to 1; NULL
  -- without it.
  1.0 * memory_bytes / nullif(sum(memory_bytes) OVER guest, 0) AS memory_share,
  -- What of its time it ran here and must find its memory on another node, if it uses all of it alike:
  -- run_share * (1 - memory_share). The rows of a guest add up to its remote share.
  1.0 * run_ns / nullif(sum(run_ns) OVER guest, 0)
    * (1 - 1.0 * memory_bytes / nullif(sum(memory_bytes) OVER guest, 0)) AS remote_share,
  -- How often its virtual CPUs came here from another node; NULL as run_share.
  migrations AS migrations,
  -- The host.
  machine AS machine,
  -- How long its virtual CPUs ran here, in ns; NULL as run_share.
  run_ns AS run_ns,
  -- Bytes of its process here; NULL as memory_share.
  memory_bytes AS memory_bytes,
  -- The part of its other threads' time (iothreads, vhost, the rest of QEMU) that they ran here, 0 to 1; NULL
  -- where none was seen.
  1.0 * worker_run_ns / nullif(sum(worker_run_ns) OVER guest, 0) AS worker_run_share
FROM guest_node
WINDOW guest AS (PARTITION BY guest, machine);
