-- A time in which a guest's disk was let through at one even rate while its requests waited: it was at a limit on I/O.
CREATE VIEW io_limit AS
SELECT
  {{columns disk_limit guest}}
FROM disk_limit;
