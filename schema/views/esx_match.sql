-- A guest's disk among the virtual disks of an ESXi host: which one it is, by when how many commands were completed there and how
-- many I/Os in the guest's block trace. A name alone ties nothing.
CREATE VIEW esx_match AS
SELECT
  {{columns esx_guest_disk guest contrast_share}}
FROM esx_guest_disk;
