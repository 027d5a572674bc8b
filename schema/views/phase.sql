-- A stretch of time in which a guest's I/O behaves alike; the phases of a guest follow each other without a gap. A guest
-- without a change has one. Times are on the reference timeline, or on the guest's own clock where nothing ties it to a
-- host; of counters alone they count from their first reading.
CREATE VIEW phase AS
SELECT
  -- The guest; NULL where the phases are a host's own, by its counters.
  guest_phase.guest AS guest,
  -- NULL: all disks of the guest have the same phases.
  NULL AS device,
  {{columns guest_phase phase}}
FROM guest_phase;
