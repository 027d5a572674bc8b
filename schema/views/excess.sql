-- By how much a hop changed from the baseline to a phase, per I/O: over the requests of a guest, without flushes. The
-- differences of the hops add up to that of the total.
CREATE VIEW excess AS
SELECT
  {{columns hop_excess guest}}
FROM hop_excess;
