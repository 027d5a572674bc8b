-- A machine's name for a block device, as an incident.yaml gives it.
CREATE VIEW device_name AS
SELECT
  -- The machine.
  machine AS machine,
  -- What it calls the device: 'vda'.
  name AS name,
  -- major,minor as its block trace calls it.
  device AS device,
  -- The incident.yaml.
  path AS path,
  -- Its line, from 1.
  line AS line
FROM given_device;
