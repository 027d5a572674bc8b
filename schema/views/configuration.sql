-- A setting of a machine or of a guest's hypervisor, with the file and the line that states it.
CREATE VIEW configuration AS
SELECT
  -- The machine on which the file was recorded.
  machine.name AS machine,
  -- {{words Layer}}.
  machine.layer AS layer,
  -- 'queue': a setting of a disk's queue. 'qemu': an option of a guest's command line. 'drive': a guest's disk as its
  -- hypervisor names it. 'limit': a limit on the I/O of a guest's disk or on CPUs. 'esxi': group, leader world, virtual CPUs
  -- and controllers of a VM by esxtop.
  found.kind AS kind,
  -- What it is a setting of: the disk, or the guest by its hypervisor's name; NULL where the file does not name it.
  found.object AS object,
  -- Its name: 'scheduler', 'nr_requests', '-device', 'file'.
  found.name AS name,
  -- Its value as it is written.
  found.value AS value,
  -- The file.
  source_file.path AS path,
  -- Its line, from 1.
  found.line AS line
FROM (
  SELECT source_id, kind, object, name, value, line FROM setting
  WHERE kind IN ('qemu', 'limit', 'esxi') OR kind = 'queue' AND name GLOB '[a-z]*' AND value <> ''
  UNION ALL
  SELECT source_id, 'drive', coalesce(device, node), 'file', file, line FROM guest_drive WHERE file IS NOT NULL
  UNION ALL
  SELECT source_id, 'drive', coalesce(device, node), 'driver', driver, line FROM guest_drive WHERE driver IS NOT NULL
) AS found
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
