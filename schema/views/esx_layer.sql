-- Where the time of a guest's I/Os went below its driver, row by row of its ESXi host's esxtop: means, no single I/Os. The parts
-- add up to guest_ms. driver_ms is what no counter shows: a residual, with its bound.
CREATE VIEW esx_layer AS
SELECT
  {{columns esx_guest_layer guest guest_error_ms}},
  -- Driver, doorbell, interrupt and a virtual CPU that did not run: the guest's time without that of the virtual disk, in ms. It may be below
  -- 0 by chance.
  guest_ms - virtual_ms AS driver_ms,
  -- By how much driver_ms may be off, in ms: the edge of the row, and rounding.
  guest_error_ms + 0.01 AS driver_error_ms,
  -- 1: driver_ms is more than it may be off, and more than 2 % of the guest's time.
  guest_ms - virtual_ms > max(guest_error_ms + 0.01, 0.02 * guest_ms) AS is_measurable,
  -- Emulation of the controller, file system and snapshots of ESXi, in ms.
  virtual_ms - gavg_ms AS vscsi_ms,
  -- The queue of the host's disk in ESXi (QAVG), in ms.
  qavg_ms AS queue_ms,
  -- ESXi besides (KAVG without QAVG), in ms.
  kavg_ms - qavg_ms AS kernel_ms,
  -- The device: driver, adapter, fabric and array (DAVG), in ms.
  gavg_ms - kavg_ms AS device_ms
FROM esx_guest_layer;
