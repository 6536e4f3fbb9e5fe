-- Customers of account A that each campaign reached on each channel, and the impressions that they saw.
-- A customer may have two records with one join key: counting distinct impressions keeps those from counting twice.
SELECT
  i.campaign_id AS campaign_id,
  i.channel AS channel,
  COUNT(DISTINCT c.email_sha256) AS reached_customers,
  COUNT(DISTINCT i.impression_id) AS impressions
FROM customers AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE i.date >= :week_start
  AND i.date < :week_end
GROUP BY i.campaign_id, i.channel
ORDER BY reached_customers DESC
