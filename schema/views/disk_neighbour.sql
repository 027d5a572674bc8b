-- Who else used the device below a guest's disk: threads that ask for other parts of it than the guests'.
CREATE VIEW disk_neighbour AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS guest_device,
  -- The host.
  host_machine.name AS host,
  -- The device, major,minor as the host calls it.
  host_stream.device AS host_device,
  -- The neighbour's threads' name; NULL: all beyond the fifty that used it most.
  device_neighbour.comm AS comm,
  -- Its requests that carry data.
  device_neighbour.requests AS requests,
  -- Their bytes.
  device_neighbour.bytes AS bytes,
  -- Their time from D to C, summed, in ns.
  device_neighbour.device_ns AS device_ns,
  -- Its part of that of all requests of the device, 0 to 1: also its part of the depth there.
  device_neighbour.share AS share,
  -- The guest disk's I/Os that were on the host while one of these was.
  device_neighbour.ios_beside AS ios_beside,
  -- Their mean of H4 and H5 together, in ns; NULL without any.
  device_neighbour.beside_mean_ns AS beside_mean_ns,
  -- The guest disk's I/Os that met no neighbour's request.
  device_neighbour.ios_alone AS ios_alone,
  -- Their mean of H4 and H5 together, in ns; NULL without any.
  device_neighbour.alone_mean_ns AS alone_mean_ns,
  {{columns device_neighbour pid last_sector}}
FROM device_neighbour
JOIN block_stream ON block_stream.stream_id = device_neighbour.guest_stream_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN block_stream AS host_stream ON host_stream.stream_id = device_neighbour.host_stream_id
JOIN source_file AS host_file ON host_file.source_id = host_stream.source_id
JOIN machine AS host_machine ON host_machine.machine_id = host_file.machine_id;
