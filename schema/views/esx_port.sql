-- What ESXi's esxtop says of a port of a virtual switch in one of its rows, over the interval that ends there.
CREATE VIEW esx_port AS
SELECT
  -- The host.
  machine AS machine,
  -- The port: switch, number and whose it is.
  object AS port,
  -- The VM, as ESXi calls it; NULL of the host's own ports.
  owner AS vm,
  {{esx port max port}},
  -- End of the row's interval, on the reference timeline, in ns; NULL where nothing ties the file to it.
  {{reference counter_value.wall_ns counter_value.source_id}} AS at_ns,
  -- The same in ns since 1970 in UTC (local time where utc_offset_s is NULL); NULL without dates.
  max(wall_ns) AS wall_ns,
  -- Seconds the printed time was ahead of UTC; NULL where the text does not say for sure.
  max(utc_offset_s) AS utc_offset_s,
  -- Length of the interval by the times of the rows, in ns; NULL for the first row and without dates.
  max(interval_ns) AS interval_ns,
  -- The file it was read from.
  source_id AS source_id,
  -- The row's line.
  line AS line
FROM counter_value
WHERE tool = 'esxtop' AND kind = 'port'
GROUP BY machine, object, source_id, line;
