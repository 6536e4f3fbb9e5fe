-- Journeys: customers by the number of impressions that they saw in the week; 10 stands for ten and more.
-- A customer may have two records with one join key: counting distinct impressions keeps those from counting twice.
WITH person AS (
  SELECT i.email_sha256 AS email_sha256, COUNT(DISTINCT i.impression_id) AS impressions, MIN(i.event_time) AS first_seen
  FROM impressions_journeys AS i
  INNER JOIN customers_journeys AS c ON c.email_sha256 = i.email_sha256
  WHERE i.date >= :week_start AND i.date < :week_end
  GROUP BY i.email_sha256
),
buyer AS (
  SELECT o.email_sha256 AS email_sha256, MAX(o.event_time) AS last_order
  FROM conversions_journeys AS o
  WHERE o.date >= :week_start AND o.date < :week_end
  GROUP BY o.email_sha256
)
SELECT
  CASE WHEN p.impressions < 10 THEN p.impressions ELSE 10 END AS frequency,
  COUNT(DISTINCT p.email_sha256) AS people,
  SUM(p.impressions) AS impressions,
  SUM(CASE WHEN b.last_order > p.first_seen THEN 1 ELSE 0 END) AS converters
FROM person AS p
LEFT JOIN buyer AS b ON b.email_sha256 = p.email_sha256
GROUP BY CASE WHEN p.impressions < 10 THEN p.impressions ELSE 10 END
