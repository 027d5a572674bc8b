-- What a host's device completed over time, and for whom.
CREATE VIEW device_interval AS
SELECT
  {{columns device_sum machine}}
FROM device_sum;
