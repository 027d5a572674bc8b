-- An extent of a guest disk on a host device.
CREATE VIEW device_map AS
SELECT
  -- The guest.
  guest_machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  guest_stream.device AS guest_device,
  -- The host.
  host_machine.name AS host,
  -- The device of the host's D and C lines, major,minor as the host calls it.
  host_stream.device AS host_device,
  -- First sector of the extent on the guest disk (512 bytes).
  device_extent.guest_sector AS guest_sector,
  -- First sector of the extent on the host device (512 bytes, whole device).
  device_extent.host_sector AS host_sector,
  -- Length of the extent in sectors; for an inferred one, what the requests cover.
  device_extent.sectors AS sectors,
  -- 'given' by the user or a map that was ingested, or 'inferred' from the traces.
  device_extent.origin AS origin,
  -- Pairs of requests that voted for an inferred extent.
  device_extent.votes AS votes,
  -- Share of the guest's requests that some clock relation can place there; NULL when given.
  device_extent.feasible_share AS feasible_share
FROM device_extent
JOIN block_stream AS guest_stream
  ON guest_stream.stream_id = device_extent.guest_stream_id
JOIN source_file AS guest_file ON guest_file.source_id = guest_stream.source_id
JOIN machine AS guest_machine ON guest_machine.machine_id = guest_file.machine_id
JOIN block_stream AS host_stream
  ON host_stream.stream_id = device_extent.host_stream_id
JOIN source_file AS host_file ON host_file.source_id = host_stream.source_id
JOIN machine AS host_machine ON host_machine.machine_id = host_file.machine_id;
