-- Matched converters by the creative that they saw, not by the one that the shop attributes the order to.
SELECT
  i.creative_id AS creative_id,
  COUNT(DISTINCT c.email_sha256) AS matched_converters
FROM conversions AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE c.date >= i.date
  AND c.date >= :week_start
  AND c.date < :week_end
  AND i.date >= :week_start
  AND i.date < :week_end
GROUP BY i.creative_id
ORDER BY matched_converters DESC
