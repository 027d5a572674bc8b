-- A layer that surely did not change by more than a tenth of what the whole did in a phase, with the interval that holds
-- its change. Absence of data never clears.
CREATE VIEW cleared AS
SELECT
  {{columns cleared_layer guest}}
FROM cleared_layer;
