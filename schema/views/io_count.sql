-- The I/Os of a guest's disk counted by what became of them: what a rule or a report counts in the view io it takes from
-- here, in a few rows. A disk whose clock was set back has rows for each part of its trace.
CREATE VIEW io_count AS
SELECT
  -- The guest.
  machine.name AS guest,
  -- Its disk, major,minor as the guest calls it.
  block_stream.device AS device,
  -- {{words BlockOperation}}.
  {{word BlockOperation io_sum.op}} AS op,
  -- As in io: 'exact', 'merged', 'split', 'ambiguous', 'absorbed' or 'unmatched'.
  {{word MatchGrade io_sum.match_grade}} AS match_grade,
  -- As in io: why they have no host side; NULL when matched.
  {{word UnmatchedReason io_sum.match_reason}} AS match_reason,
  {{columns io_sum count}}
FROM io_sum
JOIN block_stream ON block_stream.stream_id = io_sum.guest_stream_id
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
