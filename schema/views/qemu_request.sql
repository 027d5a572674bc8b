-- A request of a guest's virtio-blk or virtio-scsi disk inside QEMU, by QEMU's own trace. What the events that were
-- switched on do not show is NULL.
CREATE VIEW qemu_request AS
SELECT
  -- Number of the request.
  qemu_block_request.qemu_request_id AS qemu_request_id,
  -- The host.
  machine.name AS machine,
  -- The guest whose thread it was, once 'hiddenq correlate' knows; else NULL.
  (SELECT thread_owner.guest
   FROM sched_thread JOIN thread_owner USING (thread_id) JOIN source_file AS traced USING (source_id)
   WHERE traced.machine_id = source_file.machine_id AND sched_thread.tid = qemu_block_request.tid
     AND thread_owner.guest IS NOT NULL LIMIT 1) AS guest,
  -- The disk as QEMU's address of it, which holds for one run of QEMU, or 'scsi TARGET:LUN'; NULL where the text
  -- does not say.
  {{qemu_device qemu_block_request.device}} AS device,
  -- 'read', 'write', or 'other' (a flush, a discard): QEMU's trace of virtio-blk does not tell those apart.
  {{word QEMURequest.Operation qemu_block_request.op}} AS op,
  -- First sector on the guest's disk (512 bytes).
  qemu_block_request.sector AS sector,
  -- Length in sectors; 0 of a flush of virtio-scsi.
  qemu_block_request.sectors AS sectors,
  -- Taken off the virtqueue (virtqueue_pop), in ns on the source's clock.
  qemu_block_request.popped_ns AS popped_ns,
  -- Understood (virtio_blk_handle_read or _write, virtio_scsi_cmd_req), in ns.
  qemu_block_request.handled_ns AS handled_ns,
  -- Given to QEMU's block layer (blk_co_preadv or blk_co_pwritev, scsi_req_continue), in ns.
  qemu_block_request.submitted_ns AS submitted_ns,
  -- Back from it (virtio_blk_rw_complete, scsi_req_dequeue), in ns.
  qemu_block_request.done_ns AS done_ns,
  -- Answered (virtio_blk_req_complete, virtio_scsi_cmd_resp), in ns.
  qemu_block_request.completed_ns AS completed_ns,
  -- Visible to the guest (virtqueue_flush), in ns.
  qemu_block_request.returned_ns AS returned_ns,
  -- How many requests QEMU merged into the one it gave to its block layer; 1: none.
  qemu_block_request.merged AS merged,
  -- 0, or the negative errno of the block layer.
  qemu_block_request.result AS result,
  -- virtio's status: 0 good, 1 an I/O error (of virtio-scsi any other than good), 2 not supported.
  qemu_block_request.status AS status,
  -- The thread of its first event; QEMU before 5.2 prints its process.
  qemu_block_request.tid AS tid,
  -- The file it was read from.
  qemu_block_request.source_id AS source_id,
  -- The line of its first event, from 1.
  qemu_block_request.line AS line
FROM qemu_block_request
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
