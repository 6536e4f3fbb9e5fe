-- duckdb
SELECT
  crm.birth_country AS birth_country,
  COUNT(DISTINCT c.email_sha256) AS matched_converters
FROM impressions AS i
INNER JOIN conversions AS c
  ON c.email_sha256 = i.email_sha256
INNER JOIN customers AS crm
  ON crm.email_sha256 = c.email_sha256
WHERE
  c.date >= i.date
  AND c.date >= CAST('2026-10-05' AS DATE)
  AND c.date < CAST('2026-10-05' AS DATE)
  AND i.date >= CAST('2026-10-05' AS DATE)
  AND i.date < CAST('2026-10-05' AS DATE)
GROUP BY
  crm.birth_country
ORDER BY
  matched_converters DESC
