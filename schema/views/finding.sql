-- What the incident shows: what cost the guests' I/Os most time first, then the most severe. A finding is followed by its
-- consequences; what cannot be judged is last.
CREATE VIEW finding AS
SELECT
  -- What kind it is, as 'STEAL_HIDDEN'.
  finding_row.code AS code,
  -- {{words Finding.Severity}}. What cannot be judged is 'info' with confidence 'none'.
  finding_row.severity AS severity,
  -- The guest it is about; NULL when it is about none.
  finding_row.guest AS guest,
  -- What is so, with numbers and units.
  finding_row.sentence AS sentence,
  -- {{words Finding.Confidence}}.
  finding_row.confidence AS confidence,
  -- The reason for that confidence.
  finding_row.because AS because,
  -- A statement that returns the numbers of the sentence from this file.
  finding_row.evidence_sql AS evidence_sql,
  -- What to do now, or which file would tell and how to capture it.
  finding_row.next_step AS next_step,
  -- Its place, from 1.
  finding_row.finding_id AS finding_id,
  -- Its place, from 1: by explains_ns, then by severity; consequences follow their cause.
  finding_row.finding_id AS rank,
  {{columns finding_row from_ns consequence_of}}
FROM finding_row
ORDER BY finding_row.finding_id;
