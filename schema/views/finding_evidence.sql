-- What the evidence of a finding returned: the first rows of finding.evidence_sql, one row here for each value.
CREATE VIEW finding_evidence AS
SELECT
  -- The finding's, as in the view finding.
  finding_result.finding_id AS finding_id,
  {{columns finding_result row}}
FROM finding_result;
