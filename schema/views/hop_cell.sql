-- How many I/Os of an interval had a hop of about what length: a heat map for each hop, of the busiest disks.
CREATE VIEW hop_cell AS
SELECT
  {{columns hop_count guest}}
FROM hop_count;
