-- What ESXi's esxtop says of disks in one of its rows: means over the interval that ends there, over all commands in it and
-- not per command. GAVG = DAVG + KAVG; a virtual disk's times are above them. The first row of a run has no disks.
CREATE VIEW esx_disk AS
SELECT
  -- The host.
  machine AS machine,
  -- 'disk': a disk of the host. 'disk_user': what one VM does there. 'virtual_disk': a VM's disk as the VM sees it.
  -- 'datastore': one on NFS.
  kind AS kind,
  -- The VM, as ESXi calls it; NULL of a disk, and of a process that belongs to no VM.
  owner AS vm,
  -- The host's disk, the datastore, or the VM's disk ('scsi0:0').
  part AS disk,
  -- The name of the whole.
  object AS object,
  {{esx device+virtualDisk+datastore max any}},
  -- End of the row's interval, on the reference timeline, in ns; NULL where nothing ties the file to it.
  {{reference counter_value.wall_ns counter_value.source_id}} AS at_ns,
  -- The same in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  max(wall_ns) AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  max(utc_offset_s) AS utc_offset_s,
  -- Length of the interval by the times of the rows, in ns; NULL for the first row and without dates.
  max(interval_ns) AS interval_ns,
  -- The file it was read from.
  source_id AS source_id,
  -- The row's line.
  line AS line
FROM counter_value
WHERE tool = 'esxtop' AND kind IN ('disk', 'disk_user', 'virtual_disk', 'datastore')
GROUP BY machine, kind, object, source_id, line;
