-- Matched converters by creative, one row for every creative that is known: those that account A's shop attributes
-- orders to, and those in the result. A creative without a result was withheld or met nobody: unknown, never 0.
-- 100 is the strictest minimum of the collaboration: where fewer of all matched converters did not see the creative, the
-- number would tell about those few, and is withheld here too; so it is where as few of our converters did not. Shares
-- tell how many all the matched ones are: there are none where as few converters were not matched.
WITH known AS (
  SELECT creative_id FROM conversions WHERE creative_id IS NOT NULL
  UNION
  SELECT creative_id FROM overlap_by_creative WHERE creative_id IS NOT NULL
),
everybody AS (
  SELECT base.converters, matched.matched_converters
  FROM (SELECT COUNT(DISTINCT email_sha256) AS converters FROM conversions) AS base
  CROSS JOIN (SELECT MAX(matched_converters) AS matched_converters FROM overlap) AS matched
),
told AS (
  SELECT
    shown.creative_id,
    shown.matched_converters,
    CASE
      WHEN everybody.converters - everybody.matched_converters NOT BETWEEN 0 AND 99 THEN everybody.matched_converters
    END AS every_match
  FROM overlap_by_creative AS shown
  CROSS JOIN everybody
  WHERE COALESCE(everybody.matched_converters - shown.matched_converters, 0) NOT BETWEEN 1 AND 99
    AND everybody.converters - shown.matched_converters NOT BETWEEN 0 AND 99
)
SELECT
  :reporting_week AS reporting_week,
  known.creative_id,
  told.matched_converters,
  CAST(told.matched_converters AS double) / NULLIF(told.every_match, 0) AS share_of_matched,
  (told.matched_converters IS NULL) AS below_threshold
FROM known
LEFT JOIN told ON told.creative_id = known.creative_id
ORDER BY told.matched_converters DESC NULLS LAST, known.creative_id
