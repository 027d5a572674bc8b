-- A guest I/O (a bio, or a flush that the guest's block layer sent by itself) and its hops. The
-- hops of an I/O add up to its total exactly. NULL is "not observed".
CREATE VIEW io AS
SELECT
  -- Number of the I/O in this incident.
  guest_io.io_id AS io_id,
  -- The guest request that carried it.
  guest_io.request_id AS request_id,
  -- 1: the first bio of its request. 0: one that was merged into it.
  guest_io.leading AS leading,
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- {{words BlockOperation}}.
  {{word BlockOperation guest_io.op}} AS op,
  -- The RWBS letters of its Q.
  {{rwbs guest_io.rwbs}} AS rwbs,
  -- First sector on the guest's disk (512 bytes); NULL for a flush.
  guest_io.sector AS sector,
  -- Length in sectors.
  guest_io.sectors AS sectors,
  -- Q, in ns on the guest's trace clock.
  guest_io.queued_at_ns AS queued_at_ns,
  -- C, in ns on the guest's trace clock.
  guest_io.completed_at_ns AS completed_at_ns,
  -- Q, in ns on the reference timeline.
  guest_io.reference_ns AS reference_ns,
  -- H1, from the dirtying of its oldest page to Q, in ns.
  guest_io.page_cache_ns AS page_cache_ns,
  -- H2, from Q to the last D in the guest, in ns.
  guest_io.guest_scheduler_ns AS guest_scheduler_ns,
  -- The part of H2 that was a cache flush it had to wait for, in ns.
  guest_io.flush_ns AS flush_ns,
  -- The part of H2 between its first and last D: the ring was full, in ns.
  guest_io.requeue_ns AS requeue_ns,
  -- H3, both ways, in ns: needs no clock offset. Of an absorbed I/O all from D to C in the guest.
  CASE WHEN guest_io.match_grade = {{code MatchGrade absorbed}}
    THEN guest_io.block_ns - guest_io.guest_scheduler_ns
    ELSE guest_io.virtio_submit_ns + guest_io.virtio_return_ns END AS virtio_queue_ns,
  -- H3 on the way in, from D in the guest to Q on the host, in ns, within clock_error_ns.
  guest_io.virtio_submit_ns AS virtio_submit_ns,
  -- H3 on the way back, from C on the host to C in the guest, in ns, within clock_error_ns.
  guest_io.virtio_return_ns AS virtio_return_ns,
  -- H4, from Q to D on the host, in ns.
  guest_io.host_scheduler_ns AS host_scheduler_ns,
  -- H5, from D to C on the host, in ns.
  guest_io.hardware_queue_ns AS hardware_queue_ns,
  -- From the dirtying of its oldest page, or from Q, to C in the guest, in ns.
  guest_io.block_ns + coalesce(guest_io.page_cache_ns, 0) AS total_ns,
  -- From Q to C in the guest, in ns: the total without the page cache.
  guest_io.block_ns AS block_ns,
  -- How far the guest's clock may be off at this I/O, in ns.
  guest_io.clock_error_ns AS clock_error_ns,
  -- The part of virtio_submit_ns in which the vCPU that issued it or the host thread that queued it waited
  -- for a CPU, in ns; NULL without the host's scheduler trace, or where no clock ties it to the block trace.
  guest_io.submit_cpu_wait_ns AS submit_cpu_wait_ns,
  -- The part of virtio_return_ns in which that host thread or the vCPU that took the interrupt (the CPU of C
  -- in the guest) waited for a CPU, in ns; NULL as above.
  guest_io.return_cpu_wait_ns AS return_cpu_wait_ns,
  -- 'exact', 'merged', 'split', 'ambiguous', 'absorbed' (the host's page cache took the write or served the
  -- read: nothing happened on the host's device) or 'unmatched'.
  {{word MatchGrade guest_io.match_grade}} AS match_grade,
  -- Why it has no host side: 'before_start', 'after_end', 'lost_events', 'no_mapping', 'no_candidate' or
  -- 'absorbed'; NULL when matched.
  {{word UnmatchedReason guest_io.match_reason}} AS match_reason,
  -- How many host requests carried it.
  guest_io.host_requests AS host_requests,
  -- The host request that completed last: its times are t4 to t6.
  guest_io.host_request_id AS host_request_id,
  -- The host request that later wrote what the host's page cache had taken; of several the one that ended
  -- last. NULL where nothing was absorbed, and where the host's trace ended first.
  guest_io.deferred_request_id AS deferred_request_id,
  -- From C in the guest to C of that host request, in ns, within clock_error_ns: for so long acknowledged
  -- data was not on the disk.
  guest_io.deferred_ns AS deferred_ns
FROM guest_io
JOIN block_request USING (request_id)
JOIN block_kind USING (kind_id)
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
