-- The slowest I/Os of a disk: of all, and of each interval of latency_interval; of the busiest disks.
CREATE VIEW slowest_io AS
SELECT
  {{columns slow_io guest block_ns}},
  -- Number of the I/O in the view io.
  guest_io.io_id AS io_id
FROM slow_io JOIN guest_io ON guest_io.request_id = slow_io.request_id AND guest_io.leading = 1;
