-- How long the I/Os of a guest's disk took over time: at most 80 intervals of equal length, whatever the number of I/Os.
-- Phases are in the view phase.
CREATE VIEW latency_interval AS
SELECT
  {{columns latency_sum guest}}
FROM latency_sum;
