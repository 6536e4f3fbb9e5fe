-- duckdb
WITH person AS (
  SELECT
    i.email_sha256 AS email_sha256,
    COUNT(DISTINCT i.impression_id) AS impressions,
    MIN(i.event_time) AS first_seen
  FROM impressions_journeys AS i
  INNER JOIN customers_journeys AS c
    ON c.email_sha256 = i.email_sha256
  WHERE
    i.date >= CAST('2026-10-05' AS DATE) AND i.date < CAST('2026-10-05' AS DATE)
  GROUP BY
    i.email_sha256
), buyer AS (
  SELECT
    o.email_sha256 AS email_sha256,
    MAX(o.event_time) AS last_order
  FROM conversions_journeys AS o
  WHERE
    o.date >= CAST('2026-10-05' AS DATE) AND o.date < CAST('2026-10-05' AS DATE)
  GROUP BY
    o.email_sha256
)
SELECT
  CASE WHEN p.impressions < 10 THEN p.impressions ELSE 10 END AS frequency,
  COUNT(DISTINCT p.email_sha256) AS people,
  SUM(p.impressions) AS impressions,
  SUM(CASE WHEN b.last_order > p.first_seen THEN 1 ELSE 0 END) AS converters
FROM person AS p
LEFT JOIN buyer AS b
  ON b.email_sha256 = p.email_sha256
GROUP BY
  CASE WHEN p.impressions < 10 THEN p.impressions ELSE 10 END
