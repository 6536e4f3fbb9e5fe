-- Viewers: everybody whom account B showed an ad in the week and knows by e-mail, by where, when and on what they saw
-- it, and how many of them account A knew before. A person counts in every group they were in: people never add up.
-- A converter orders after their first ad of the week; a buyer purchases.
WITH viewer AS (
  SELECT i.email_sha256 AS email_sha256, MIN(i.event_time) AS first_seen
  FROM impressions_journeys AS i
  WHERE i.date >= :week_start AND i.date < :week_end
  GROUP BY i.email_sha256
),
customer AS (
  SELECT c.email_sha256 AS email_sha256, MIN(c.date_created) AS since
  FROM customers_journeys AS c
  GROUP BY c.email_sha256
),
-- Events of the 182 days and purchases of the 365 days before the first ad, and what came after it.
history AS (
  SELECT
    v.email_sha256 AS email_sha256,
    MAX(
      CASE WHEN o.event_time < v.first_seen AND o.event_time >= v.first_seen - INTERVAL '182' DAY THEN 1 ELSE 0 END
    ) AS had_event,
    MAX(
      CASE
        WHEN o.event_time < v.first_seen AND o.event_time >= v.first_seen - INTERVAL '365' DAY
          AND o.event_type = 'purchase' THEN 1
        ELSE 0
      END
    ) AS had_bought,
    MAX(CASE WHEN o.event_time > v.first_seen THEN 1 ELSE 0 END) AS converted,
    MAX(CASE WHEN o.event_time > v.first_seen AND o.event_type = 'purchase' THEN 1 ELSE 0 END) AS bought
  FROM viewer AS v
  LEFT JOIN conversions_journeys AS o ON o.email_sha256 = v.email_sha256 AND o.date < :week_end
  GROUP BY v.email_sha256
),
-- Known to the brand: an event before, or a customer record from before the week.
person AS (
  SELECT
    h.email_sha256 AS email_sha256,
    CASE WHEN h.had_event = 1 OR c.since < :week_start THEN 1 ELSE 0 END AS known,
    h.converted AS converted,
    h.bought AS bought,
    CASE WHEN h.bought = 1 AND h.had_bought = 1 THEN 1 ELSE 0 END AS bought_again
  FROM history AS h
  LEFT JOIN customer AS c ON c.email_sha256 = h.email_sha256
),
seen AS (
  SELECT
    i.email_sha256 AS email_sha256,
    i.channel AS channel,
    i.publisher AS publisher,
    i.device AS device,
    i.geo_country AS country,
    i.geo_region AS region,
    CAST(i.local_hour AS STRING) AS hour
  FROM impressions_journeys AS i
  WHERE i.date >= :week_start AND i.date < :week_end
),
on_publisher AS (
  SELECT s.email_sha256 AS email_sha256, s.publisher AS publisher, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.publisher
),
placed AS (
  SELECT
    'all' AS kind, CAST(NULL AS STRING) AS part_1, CAST(NULL AS STRING) AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256
  UNION ALL
  SELECT
    'channel' AS kind, s.channel AS part_1, CAST(NULL AS STRING) AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.channel
  UNION ALL
  SELECT
    'device' AS kind, s.device AS part_1, CAST(NULL AS STRING) AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.device
  UNION ALL
  SELECT
    'hour' AS kind, s.hour AS part_1, CAST(NULL AS STRING) AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.hour
  UNION ALL
  SELECT
    'country' AS kind, s.country AS part_1, CAST(NULL AS STRING) AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.country
  UNION ALL
  SELECT
    'region' AS kind, s.country AS part_1, s.region AS part_2,
    s.email_sha256 AS email_sha256, COUNT(s.email_sha256) AS impressions
  FROM seen AS s
  GROUP BY s.email_sha256, s.country, s.region
  UNION ALL
  SELECT
    'publisher' AS kind, a.publisher AS part_1, CAST(NULL AS STRING) AS part_2,
    a.email_sha256 AS email_sha256, a.impressions AS impressions
  FROM on_publisher AS a
  UNION ALL
  SELECT
    'publishers' AS kind, a.publisher AS part_1, b.publisher AS part_2,
    a.email_sha256 AS email_sha256, a.impressions + b.impressions AS impressions
  FROM on_publisher AS a
  INNER JOIN on_publisher AS b ON b.email_sha256 = a.email_sha256 AND b.publisher > a.publisher
)
SELECT
  m.kind AS kind,
  m.part_1 AS part_1,
  m.part_2 AS part_2,
  COUNT(DISTINCT m.email_sha256) AS people,
  SUM(m.impressions) AS impressions,
  SUM(p.known) AS known_people,
  SUM(p.converted) AS converters,
  SUM(p.bought) AS buyers,
  SUM(p.bought_again) AS earlier_buyers
FROM placed AS m
INNER JOIN person AS p ON p.email_sha256 = m.email_sha256
GROUP BY m.kind, m.part_1, m.part_2
