-- What the recording took from a guest: the tools that record, where they stood in its way, and for how long. They count as
-- nobody's neighbour.
CREATE VIEW recorder_cost AS
SELECT
  -- The guest.
  culprit.victim_guest AS guest,
  -- 'host_cpu': the guest's threads waited for a CPU of the host that the tool held. 'virtio_queue': the part of that in
  -- which a thread had to act for an I/O, of all tools. 'guest_cpu': threads in the guest waited for a virtual CPU that the
  -- tool held. 'device': the tool's own requests were at the device below the guest's disk.
  'host_cpu' AS place,
  -- The guest's disk, of 'virtio_queue' and 'device'; else NULL.
  NULL AS device,
  -- The tool's process; NULL for all of them.
  culprit.culprit_comm AS comm,
  -- How long, in ns.
  sum(culprit.wait_ns) AS taken_ns,
  -- Of how much: all waits for a CPU of these threads, the time in the halves of the virtio queue, or the time of all requests of
  -- the device from D to C, in ns.
  (SELECT sum(thread_wait.wait_ns) FROM thread_wait WHERE thread_wait.guest = culprit.victim_guest
    AND thread_wait.machine = culprit.machine) AS of_ns
FROM culprit
WHERE culprit.victim_guest IS NOT NULL AND culprit.class = 'host' AND culprit.culprit_comm IN ({{recorders}})
GROUP BY culprit.machine, culprit.victim_guest, culprit.culprit_comm
UNION ALL
SELECT guest, 'virtio_queue', device, NULL,
  sum(sum_ns) FILTER (WHERE part = 'cpu_wait:(recorder)'), sum(sum_ns) FILTER (WHERE part IS NULL)
FROM virtio_part GROUP BY guest, device HAVING count(*) FILTER (WHERE part = 'cpu_wait:(recorder)') > 0
UNION ALL
SELECT culprit.machine, 'guest_cpu', NULL, culprit.culprit_comm, sum(culprit.wait_ns),
  (SELECT sum(thread_wait.wait_ns) FROM thread_wait
    WHERE thread_wait.machine = culprit.machine AND thread_wait.comm NOT IN ({{recorders}}))
FROM culprit JOIN machine ON machine.name = culprit.machine AND machine.layer = 'guest'
WHERE culprit.culprit_comm IN ({{recorders}}) AND culprit.victim_comm NOT IN ({{recorders}})
GROUP BY culprit.machine, culprit.culprit_comm
UNION ALL
SELECT guest, 'device', guest_device, comm, device_ns, CAST(round(device_ns / share) AS INTEGER)
FROM disk_neighbour WHERE comm IN ({{recorders}}) AND share > 0;
