-- A time in which a guest stood still as a whole: it was stopped and went on, or its host stood still. No time on a device.
CREATE VIEW pause AS
SELECT
  {{columns guest_pause guest}}
FROM guest_pause;
