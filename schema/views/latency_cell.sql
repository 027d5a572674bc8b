-- How many I/Os of an interval took how long: a heat map.
CREATE VIEW latency_cell AS
SELECT
  {{columns latency_count guest}}
FROM latency_count;
