-- A block-layer stage of a device, as btt defines it: counted per bio, flushes without a sector
-- excluded.
CREATE VIEW stage AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- major,minor as that machine calls the device.
  block_stream.device AS device,
  -- Q2Q, Q2G, G2I, Q2M, I2D, M2D, D2C or Q2C.
  block_stage.stage AS stage,
  -- How many, as btt's N.
  block_stage.count AS count,
  -- The shortest, in ns.
  block_stage.min_ns AS min_ns,
  -- The mean, in ns.
  block_stage.mean_ns AS mean_ns,
  -- The median, in ns, within 0.8 %.
  block_stage.p50_ns AS p50_ns,
  -- 99 % are not longer, in ns, within 0.8 %.
  block_stage.p99_ns AS p99_ns,
  -- The longest, in ns.
  block_stage.max_ns AS max_ns,
  -- The file it was read from.
  block_stream.source_id AS source_id,
  -- The stretch of the source.
  block_stream.segment AS segment
FROM block_stage
JOIN block_stream USING (stream_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id);
