-- A queue over time: how many requests it held, counted at its entry and its exit.
CREATE VIEW queue_depth AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The device, major,minor as the machine calls it.
  block_stream.device AS device,
  -- 'guest_scheduler' and 'host_scheduler': from Q to the last D. 'virtio_queue': from D to C in the
  -- guest, for so long a request holds its place in the ring. 'hardware_queue': from D to C on the host.
  queue_interval.hop AS hop,
  -- Start of the interval, in ns on the reference timeline; on the machine's own clock where no relation
  -- is known.
  queue_interval.at_ns AS at_ns,
  -- Its length, in ns.
  queue_interval.interval_ns AS interval_ns,
  -- Requests that entered in it.
  queue_interval.arrivals AS arrivals,
  -- The mean number of requests in the queue.
  queue_interval.mean_depth AS mean_depth,
  -- The largest.
  queue_interval.max_depth AS max_depth,
  -- What it can hold: nr_requests of the disk for the schedulers, nr_tags for the host's hardware, the
  -- ring's queue-size for virtio; NULL where no file says it.
  CASE queue_interval.hop
    WHEN 'virtio_queue' THEN (
      SELECT {{ring setting}}
      FROM setting
      WHERE {{ring setting}} IS NOT NULL
        AND setting.object = machine.name
      ORDER BY setting.line LIMIT 1)
    ELSE (
      SELECT setting.value + 0
      FROM setting
      JOIN source_file AS said ON said.source_id = setting.source_id
      LEFT JOIN disk_topology ON disk_topology.name = setting.object
        AND disk_topology.source_id IN (
          SELECT source_id FROM source_file AS listed WHERE listed.machine_id = machine.machine_id)
      LEFT JOIN given_device ON given_device.name = setting.object
        AND given_device.machine = machine.name
      WHERE setting.kind = 'queue' AND said.machine_id = machine.machine_id
        AND setting.name
          = CASE queue_interval.hop WHEN 'hardware_queue' THEN 'nr_tags' ELSE 'nr_requests' END
        AND block_stream.device = coalesce(
          given_device.device, disk_topology.device,
          -- Without a list of the disks: vdb is disk 1 of its driver, and each has 16 minor numbers.
          CASE WHEN setting.object GLOB 'vd[a-z]' AND block_stream.device LIKE '25%,%'
            THEN substr(block_stream.device, 1, instr(block_stream.device, ','))
              || (16 * (unicode(substr(setting.object, 3)) - 97)) END,
          CASE WHEN setting.object GLOB 'sd[a-p]'
            THEN '8,' || (16 * (unicode(substr(setting.object, 3)) - 97)) END)
      LIMIT 1)
  END AS limit_depth,
  -- The part of the depth that no request with both its ends accounts for, 0 to 1 (Little's law): of
  -- requests that began before the trace, ended after it, or lost an event. NULL where it was empty.
  queue_interval.little_residual AS little_residual
FROM queue_interval
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
