-- The parts of the halves of the virtio queue of single I/Os: of those in slowest_io that a scheduler trace of the host covers.
-- The parts of a half add up to it.
CREATE VIEW io_part AS
SELECT
  -- Number of the I/O in the view io.
  guest_io.io_id AS io_id,
  {{columns slow_io_part hop hop}},
  -- As in virtio_part; 'unattributed' is the remainder.
  slow_io_part.part || coalesce(':' || slow_io_part.part_name, '') AS part,
  {{columns slow_io_part time_ns}}
FROM slow_io_part
JOIN guest_io ON guest_io.request_id = slow_io_part.request_id AND guest_io.leading = 1;
