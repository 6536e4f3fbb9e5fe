-- duckdb
SELECT
  COUNT(DISTINCT crm.email_sha256) AS matched_customers
FROM customers AS crm
INNER JOIN impressions AS i
  ON i.email_sha256 = crm.email_sha256
INNER JOIN conversions AS c
  ON c.email_sha256 = crm.email_sha256
WHERE
  c.date >= i.date
  AND c.date >= CAST('2026-10-05' AS DATE)
  AND c.date < CAST('2026-10-05' AS DATE)
  AND i.date >= CAST('2026-10-05' AS DATE)
  AND i.date < CAST('2026-10-05' AS DATE)
