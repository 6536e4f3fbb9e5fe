-- Matched converters by creative, one row for every creative that is known: those that account A's shop attributes
-- orders to, and those in the result. A creative without a result was withheld or met nobody: unknown, never 0.
WITH known AS (
  SELECT creative_id FROM conversions WHERE creative_id IS NOT NULL
  UNION
  SELECT creative_id FROM overlap_by_creative WHERE creative_id IS NOT NULL
)
SELECT
  :reporting_week AS reporting_week,
  known.creative_id,
  told.matched_converters,
  CAST(told.matched_converters AS double) / NULLIF(everybody.matched_converters, 0) AS share_of_matched,
  (told.matched_converters IS NULL) AS below_threshold
FROM known
LEFT JOIN overlap_by_creative AS told ON told.creative_id = known.creative_id
CROSS JOIN (SELECT MAX(matched_converters) AS matched_converters FROM overlap) AS everybody
ORDER BY told.matched_converters DESC NULLS LAST, known.creative_id
