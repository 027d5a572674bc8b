-- A kind of trouble in a source, with its first place.
CREATE VIEW problem AS
SELECT
  -- The file.
  source_id AS source_id,
  -- The first line it was seen in, from 1; NULL when it is about no single line.
  line AS line,
  -- The byte of that line, from 1.
  column AS column,
  -- What is wrong.
  kind AS kind,
  -- What it costs: {{words ProblemSeverity}}.
  severity AS severity,
  -- How many lines or events.
  count AS count,
  -- The beginning of that line.
  excerpt AS excerpt,
  -- What to do about it.
  advice AS advice
FROM source_problem;
