-- duckdb
SELECT
  i.campaign_id AS campaign_id,
  i.channel AS channel,
  COUNT(DISTINCT c.email_sha256) AS reached_customers,
  COUNT(DISTINCT i.impression_id) AS impressions
FROM customers AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE
  i.date >= CAST('2026-10-05' AS DATE) AND i.date < CAST('2026-10-05' AS DATE)
GROUP BY
  i.campaign_id,
  i.channel
ORDER BY
  reached_customers DESC
