-- Why guest I/Os have no host side: how many, by disk and reason.
SELECT guest, device, op, match_reason, count(*) AS ios
FROM io
WHERE match_grade = 'unmatched'
GROUP BY guest, device, op, match_reason
ORDER BY ios DESC;
