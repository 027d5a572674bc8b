-- What a thread did to its machine's page cache, over a whole page-cache trace.
CREATE VIEW page_cache_task AS
SELECT
  -- The machine.
  machine.name AS machine,
  -- The thread.
  task.pid AS tid,
  -- Its name.
  task.comm AS comm,
  -- Pages of 4 KiB that it made dirty.
  page_cache_sum.dirtied_pages AS dirtied_pages,
  -- Calls of write, pwrite and their like.
  page_cache_sum.writes AS writes,
  -- Bytes that these wrote.
  page_cache_sum.written_bytes AS written_bytes,
  -- Their time, in ns.
  page_cache_sum.write_ns AS write_ns,
  -- The longest of them, in ns.
  page_cache_sum.max_write_ns AS max_write_ns,
  -- How often the kernel held it back because too much was dirty.
  page_cache_sum.throttles AS throttles,
  -- For how long, in ns (the kernel counts in ms).
  page_cache_sum.throttle_ns AS throttle_ns,
  -- The file it was read from.
  page_cache_sum.source_id AS source_id
FROM page_cache_sum
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
JOIN task USING (task_id);
