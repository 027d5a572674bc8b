-- A counter at a point of the network path, at a moment: the rows of counter_value that are of 'ethtool',
-- 'ethtool -g', 'ip', 'proc-net-dev', 'softnet' or 'tc'. Intervals, growth and resets are there once 'correlate' has
-- run.
CREATE VIEW net_counter AS
SELECT *
FROM counter_value
WHERE tool IN (
  'ethtool', 'ethtool -g', 'ip', 'proc-net-dev', 'softnet', 'tc'
);
