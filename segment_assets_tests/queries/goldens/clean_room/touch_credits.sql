-- duckdb
WITH buyer AS (
  SELECT
    o.email_sha256 AS email_sha256,
    MAX(o.event_time) AS converted_at,
    MAX(o.date) AS converted_on
  FROM conversions_journeys AS o
  WHERE
    o.date >= CAST('2026-10-05' AS DATE) AND o.date < CAST('2026-10-05' AS DATE)
  GROUP BY
    o.email_sha256
), touch AS (
  SELECT
    i.email_sha256 AS email_sha256,
    i.channel AS channel,
    CASE
      WHEN i.date = b.converted_on
      THEN 1.0
      WHEN i.date = b.converted_on - INTERVAL '1' DAY
      THEN 0.905724
      WHEN i.date = b.converted_on - INTERVAL '2' DAY
      THEN 0.820335
      WHEN i.date = b.converted_on - INTERVAL '3' DAY
      THEN 0.742997
      WHEN i.date = b.converted_on - INTERVAL '4' DAY
      THEN 0.672950
      WHEN i.date = b.converted_on - INTERVAL '5' DAY
      THEN 0.609507
      ELSE 0.552045
    END AS weight,
    ROW_NUMBER() OVER (
      PARTITION BY i.email_sha256
      ORDER BY i.event_time NULLS FIRST, i.impression_id NULLS FIRST
    ) AS place,
    COUNT(i.impression_id) OVER (PARTITION BY i.email_sha256) AS touches
  FROM impressions_journeys AS i
  INNER JOIN buyer AS b
    ON b.email_sha256 = i.email_sha256
  WHERE
    i.event_time < b.converted_at
    AND i.date >= CAST('2026-10-05' AS DATE)
    AND i.date < CAST('2026-10-05' AS DATE)
), weighed AS (
  SELECT
    t.email_sha256 AS email_sha256,
    t.channel AS channel,
    t.place AS place,
    t.touches AS touches,
    t.weight AS weight,
    SUM(t.weight) OVER (PARTITION BY t.email_sha256) AS weights
  FROM touch AS t
)
SELECT
  t.channel AS channel,
  COUNT(DISTINCT t.email_sha256) AS converters,
  SUM(CASE WHEN t.place = 1 THEN 1 ELSE 0 END) AS first_touch,
  SUM(CASE WHEN t.place = t.touches THEN 1 ELSE 0 END) AS last_touch,
  SUM(1.0 / NULLIF(t.touches, 0)) AS linear,
  SUM(
    CASE
      WHEN t.touches = 1
      THEN 1.0
      WHEN t.touches = 2
      THEN 0.5
      WHEN t.place = 1 OR t.place = t.touches
      THEN 0.4
      ELSE 0.2 / NULLIF((
        t.touches - 2
      ), 0)
    END
  ) AS position_based,
  SUM(t.weight / NULLIF(t.weights, 0)) AS time_decay
FROM weighed AS t
GROUP BY
  t.channel
