-- Customers of account A who converted on or after the day they saw an impression of account B: the part of
-- customer_reach that bought. `overlap` also counts converters whom account A has no customer record of.
SELECT
  COUNT(DISTINCT crm.email_sha256) AS matched_customers
FROM customers AS crm
INNER JOIN impressions AS i
  ON i.email_sha256 = crm.email_sha256
INNER JOIN conversions AS c
  ON c.email_sha256 = crm.email_sha256
WHERE c.date >= i.date
  AND c.date >= :week_start
  AND c.date < :week_end
  AND i.date >= :week_start
  AND i.date < :week_end
