-- How long requests of a guest's virtio-blk or virtio-scsi disk were in a part of QEMU, by QEMU's own trace.
CREATE VIEW qemu_stage AS
SELECT
  -- The host.
  machine.name AS machine,
  -- The disk as QEMU's address of it, or 'scsi TARGET:LUN'; NULL where the text does not say.
  {{qemu_device qemu_stage_sum.device}} AS device,
  -- 'read', 'write', or 'other' (a flush, a discard).
  qemu_stage_sum.op AS op,
  -- 'pop' (virtqueue_pop to virtio_blk_handle_*), 'submit' (from there to blk_co_p*: merging), 'io'
  -- (virtio_blk_handle_* to virtio_blk_rw_complete: QEMU's block layer and all below), 'complete' (to
  -- virtio_blk_req_complete), 'return' (to virtqueue_flush), 'total' (first event to last). Of virtio-scsi they lie
  -- between virtio_scsi_cmd_req, scsi_req_continue, scsi_req_dequeue and virtio_scsi_cmd_resp.
  qemu_stage_sum.stage AS stage,
  -- How many.
  qemu_stage_sum.count AS count,
  -- The shortest, in ns.
  qemu_stage_sum.min_ns AS min_ns,
  -- The mean, in ns.
  qemu_stage_sum.mean_ns AS mean_ns,
  -- The median, in ns, within 0.8 %.
  qemu_stage_sum.p50_ns AS p50_ns,
  -- 99 % are not longer, in ns, within 0.8 %.
  qemu_stage_sum.p99_ns AS p99_ns,
  -- The longest, in ns.
  qemu_stage_sum.max_ns AS max_ns,
  -- The file it was read from.
  qemu_stage_sum.source_id AS source_id
FROM qemu_stage_sum
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
