-- How long a guest's virtual CPUs waited for a CPU of the host over time, and for whom.
CREATE VIEW wait_interval AS
SELECT
  {{columns wait_sum guest}}
FROM wait_sum;
