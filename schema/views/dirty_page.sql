-- The oldest page that a guest I/O carried out of the page cache.
CREATE VIEW dirty_page AS
SELECT
  -- The I/O.
  guest_io.io_id AS io_id,
  -- The guest.
  machine.name AS guest,
  -- The file system's device, major,minor.
  traced_inode.device AS device,
  -- The file's inode number.
  traced_inode.inode AS inode,
  -- The page's number in the file (4 KiB).
  io_page.page AS page,
  -- How many pages of the I/O are known.
  io_page.pages AS pages,
  -- Who made it dirty.
  task.pid AS tid,
  -- Its name.
  task.comm AS comm,
  -- When, in ns on the page-cache source's clock.
  io_page.dirtied_ns AS dirtied_ns,
  -- From then to the I/O's Q, in ns.
  guest_io.page_cache_ns AS page_cache_ns,
  -- The file it was read from.
  traced_inode.source_id AS source_id,
  -- The line of the page, from 1.
  io_page.line AS line
FROM io_page
JOIN guest_io
  ON guest_io.request_id = io_page.request_id AND guest_io.sector = io_page.sector
JOIN traced_inode USING (inode_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN task USING (task_id);
