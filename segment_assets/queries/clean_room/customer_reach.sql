-- Customers of account A who saw an impression of account B in the week.
SELECT
  COUNT(DISTINCT c.email_sha256) AS exposed_customers
FROM customers AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE i.date >= :week_start
  AND i.date < :week_end
