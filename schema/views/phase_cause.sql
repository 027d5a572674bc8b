-- What the change of a phase may come from: what began or grew with it at the place where the excess lies, by how much of
-- it that accounts for. 'unknown' stands for what nothing in the files explains.
CREATE VIEW phase_cause AS
SELECT
  {{columns phase_candidate guest}}
FROM phase_candidate;
