-- A time of 20 ms or more in which a device held requests and completed none; the longest hundred of each.
CREATE VIEW queue_stall AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The device, major,minor as the machine calls it.
  block_stream.device AS device,
  -- 'virtio_queue': seen by the guest, from D to C. 'hardware_queue': on the host.
  device_stall.hop AS hop,
  -- Its begin: the last completion before, or the first D after the queue was empty; in ns on the
  -- reference timeline, on the machine's own clock where no relation is known.
  device_stall.at_ns AS at_ns,
  -- How long nothing was completed, in ns.
  device_stall.length_ns AS length_ns,
  -- Requests that it held at the begin.
  device_stall.held AS held,
  -- Requests that were issued to it meanwhile.
  device_stall.joined AS joined,
  -- 1: the trace ends before the next completion.
  device_stall.is_open AS is_open,
  -- The file it was read from.
  block_stream.source_id AS source_id
FROM device_stall
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
