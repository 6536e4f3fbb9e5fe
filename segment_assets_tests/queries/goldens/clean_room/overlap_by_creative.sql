-- duckdb
SELECT
  i.creative_id AS creative_id,
  COUNT(DISTINCT c.email_sha256) AS matched_converters
FROM conversions AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE
  c.date >= i.date
  AND c.date >= CAST('2026-10-05' AS DATE)
  AND c.date < CAST('2026-10-05' AS DATE)
  AND i.date >= CAST('2026-10-05' AS DATE)
  AND i.date < CAST('2026-10-05' AS DATE)
GROUP BY
  i.creative_id
ORDER BY
  matched_converters DESC
