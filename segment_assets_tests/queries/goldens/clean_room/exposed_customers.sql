-- duckdb
SELECT DISTINCT
  c.customer_id AS customer_id
FROM customers_list AS c
INNER JOIN impressions_list AS i
  ON i.email_sha256 = c.email_sha256
WHERE
  i.date >= CAST('2026-10-05' AS DATE) AND i.date < CAST('2026-10-05' AS DATE)
