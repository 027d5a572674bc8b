-- A bucket of a histogram of vscsiStats: commands of a VM's virtual disk on ESXi since counting began there. The only file of ESXi
-- that shows tails; quantiles lie in a bucket, not at a number.
CREATE VIEW esx_histogram AS
SELECT
  -- The host.
  machine.name AS machine,
  -- The group id of the VM.
  disk_histogram.vm_group AS vm_group,
  -- The VM, as esxtop of the same host calls the group; NULL without such a file.
  (SELECT object FROM setting JOIN source_file AS other USING (source_id) WHERE other.machine_id = machine.machine_id AND setting.kind = 'esxi' AND setting.name = 'group' AND setting.value = CAST(vm_group AS TEXT) LIMIT 1) AS vm,
  -- The VM's disk: 'scsi0:0'.
  disk_histogram.disk AS disk,
  -- 'latency', 'interarrival' (us), 'length' (bytes), 'distance', 'distance16' (sectors) or 'outstanding' (commands).
  disk_histogram.quantity AS quantity,
  -- 'all', 'read' or 'write'.
  disk_histogram.operation AS operation,
  -- The number of the bucket, from 0.
  bucket.bucket AS bucket,
  -- Its values are above this; NULL for the first.
  lag(bucket.up_to) OVER (PARTITION BY histogram_id ORDER BY bucket.bucket) AS above,
  -- And not above this; NULL for the last, which has all the rest.
  bucket.up_to AS up_to,
  -- Commands in it.
  bucket.count AS commands,
  -- Commands in it and in all before, as a part of all.
  1.0 * sum(bucket.count) OVER (PARTITION BY histogram_id ORDER BY bucket.bucket) / nullif(sum(bucket.count) OVER (PARTITION BY histogram_id), 0) AS up_to_share,
  -- The least value of the histogram.
  disk_histogram.least AS least,
  -- The largest value of the histogram.
  disk_histogram.greatest AS greatest,
  -- Its mean, cut to a whole number.
  disk_histogram.mean AS mean,
  -- The file it was read from.
  disk_histogram.source_id AS source_id,
  -- The line at which the histogram begins.
  disk_histogram.line AS line
FROM disk_histogram_bucket AS bucket
JOIN disk_histogram USING (histogram_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
