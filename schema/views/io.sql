-- A guest I/O (a bio, or a flush that the guest's block layer sent by itself) and its hops. The
-- hops of an I/O add up to its total exactly. NULL is "not observed".
CREATE VIEW io AS
SELECT
  {{columns guest_io io_id leading}},
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- {{words BlockOperation}}.
  {{word BlockOperation guest_io.op}} AS op,
  -- The RWBS letters of its Q.
  {{rwbs guest_io.rwbs}} AS rwbs,
  {{columns guest_io sector requeue_ns}},
  -- H3, both ways, in ns: needs no clock offset. Of an absorbed I/O all from D to C in the guest.
  CASE WHEN guest_io.match_grade = {{code MatchGrade absorbed}}
    THEN guest_io.block_ns - guest_io.guest_scheduler_ns
    ELSE guest_io.virtio_submit_ns + guest_io.virtio_return_ns END AS virtio_queue_ns,
  {{columns guest_io virtio_submit_ns backend_ns}},
  -- From the dirtying of its oldest page, or from Q, to C in the guest, in ns.
  guest_io.block_ns + coalesce(guest_io.page_cache_ns, 0) AS total_ns,
  {{columns guest_io block_ns return_cpu_wait_ns}},
  -- 'exact', 'merged', 'split', 'ambiguous', 'absorbed' (the host's page cache took the write or served the
  -- read: nothing happened on the host's device) or 'unmatched'.
  {{word MatchGrade guest_io.match_grade}} AS match_grade,
  -- Why it has no host side: 'before_start', 'after_end', 'lost_events', 'no_mapping', 'no_candidate' or
  -- 'absorbed'; NULL when matched.
  {{word UnmatchedReason guest_io.match_reason}} AS match_reason,
  {{columns guest_io host_requests}}
FROM guest_io
JOIN block_request USING (request_id)
JOIN block_kind USING (kind_id)
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
