-- duckdb
WITH person AS (
  SELECT
    i.email_sha256 AS email_sha256,
    MAX(CASE WHEN i.channel = 'ctv' THEN 1 ELSE 0 END) AS ctv,
    MAX(CASE WHEN i.channel = 'olv' THEN 1 ELSE 0 END) AS olv,
    MAX(CASE WHEN i.channel = 'display' THEN 1 ELSE 0 END) AS display,
    MAX(CASE WHEN i.channel = 'audio' THEN 1 ELSE 0 END) AS audio,
    MAX(CASE WHEN i.channel = 'social' THEN 1 ELSE 0 END) AS social,
    MIN(i.event_time) AS first_seen,
    COUNT(DISTINCT i.impression_id) AS impressions
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
  p.ctv AS ctv,
  p.olv AS olv,
  p.display AS display,
  p.audio AS audio,
  p.social AS social,
  COUNT(DISTINCT p.email_sha256) AS people,
  SUM(p.impressions) AS impressions,
  SUM(CASE WHEN b.last_order > p.first_seen THEN 1 ELSE 0 END) AS converters
FROM person AS p
LEFT JOIN buyer AS b
  ON b.email_sha256 = p.email_sha256
GROUP BY
  p.ctv,
  p.olv,
  p.display,
  p.audio,
  p.social
