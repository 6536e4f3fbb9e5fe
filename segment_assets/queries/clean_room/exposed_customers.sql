-- Activation: which customers of account A saw an impression of account B in the week.
SELECT DISTINCT
  c.customer_id AS customer_id
FROM customers_list AS c
INNER JOIN impressions_list AS i
  ON i.email_sha256 = c.email_sha256
WHERE i.date >= :week_start
  AND i.date < :week_end
