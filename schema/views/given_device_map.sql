-- An extent of a guest disk on a host device, as an incident.yaml gives it.
CREATE VIEW given_device_map AS
SELECT
  -- The guest.
  guest AS guest,
  -- Its disk, major,minor as the guest calls it.
  guest_device AS guest_device,
  -- The host.
  host AS host,
  -- The device, major,minor as the host calls it.
  host_device AS host_device,
  -- First sector of the extent on the guest disk (512 bytes).
  guest_sector AS guest_sector,
  -- First sector of the extent on the host device (512 bytes, whole device).
  host_sector AS host_sector,
  -- Length of the extent in sectors; NULL: to the end of the guest disk.
  sectors AS sectors,
  -- 'given', as in device_map.
  'given' AS origin,
  -- The incident.yaml.
  path AS path,
  -- Its line, from 1.
  line AS line
FROM given_mapping;
