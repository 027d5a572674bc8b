-- What a file says about itself in its head (perf's `# hostname : web1`).
CREATE VIEW header AS
SELECT
  -- The file.
  source_id AS source_id,
  -- What it is about, as the tool calls it: 'hostname', 'os release', 'cmdline', 'clockid'.
  name AS name,
  -- What it says.
  value AS value
FROM source_header;
