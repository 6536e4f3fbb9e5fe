-- duckdb
SELECT
  COUNT(DISTINCT c.email_sha256) AS exposed_customers
FROM customers AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE
  i.date >= CAST('2026-10-05' AS DATE) AND i.date < CAST('2026-10-05' AS DATE)
