-- Journeys: everybody whom account B showed an ad in the week and knows by e-mail, grouped three ways: by the path of
-- channels, by the set of channels, by the days until they converted. One population for all models of attribution.
-- A converter is who orders after their first ad; their journey ends at the last order, everybody else's with the week.
-- Parts of a value stand in columns of their own, since NULLs in CONCAT differ between engines.
WITH buyer AS (
  SELECT o.email_sha256 AS email_sha256, MAX(o.event_time) AS last_order
  FROM conversions_journeys AS o
  WHERE o.date >= :week_start AND o.date < :week_end
  GROUP BY o.email_sha256
),
seen AS (
  SELECT
    i.email_sha256 AS email_sha256,
    i.channel AS channel,
    i.date AS seen_on,
    i.event_time AS seen_at,
    i.impression_id AS impression_id,
    MIN(i.event_time) OVER (PARTITION BY i.email_sha256) AS first_seen,
    b.last_order AS last_order
  FROM impressions_journeys AS i
  LEFT JOIN buyer AS b ON b.email_sha256 = i.email_sha256
  WHERE i.date >= :week_start AND i.date < :week_end
),
touch AS (
  SELECT
    s.email_sha256 AS email_sha256,
    s.channel AS channel,
    s.seen_at AS seen_at,
    s.impression_id AS impression_id,
    CASE WHEN s.last_order IS NULL THEN 0 ELSE 1 END AS ordered,
    CASE WHEN s.last_order > s.first_seen THEN 1 ELSE 0 END AS converted,
    LAG(s.channel) OVER (PARTITION BY s.email_sha256 ORDER BY s.seen_at, s.impression_id) AS channel_before
  FROM seen AS s
  WHERE s.last_order IS NULL OR s.last_order <= s.first_seen OR s.seen_at < s.last_order
),
step AS (
  SELECT
    t.email_sha256 AS email_sha256,
    t.channel AS channel,
    t.ordered AS ordered,
    t.converted AS converted,
    ROW_NUMBER() OVER (PARTITION BY t.email_sha256 ORDER BY t.seen_at, t.impression_id) AS place
  FROM touch AS t
  WHERE t.channel_before IS NULL OR t.channel_before <> t.channel
),
person AS (
  SELECT
    s.email_sha256 AS email_sha256,
    1 AS one,
    MAX(s.ordered) AS ordered,
    MAX(s.converted) AS converted,
    MAX(CASE WHEN s.place = 1 THEN s.channel END) AS step_1,
    MAX(CASE WHEN s.place = 2 THEN s.channel END) AS step_2,
    MAX(CASE WHEN s.place = 3 THEN s.channel END) AS step_3,
    MAX(CASE WHEN s.place = 4 THEN s.channel END) AS step_4,
    MAX(CASE WHEN s.place > 4 THEN '(more)' END) AS step_5,
    MAX(CASE WHEN s.channel = 'audio' THEN 'audio' END) AS audio,
    MAX(CASE WHEN s.channel = 'ctv' THEN 'ctv' END) AS ctv,
    MAX(CASE WHEN s.channel = 'display' THEN 'display' END) AS display,
    MAX(CASE WHEN s.channel = 'olv' THEN 'olv' END) AS olv,
    MAX(CASE WHEN s.channel = 'social' THEN 'social' END) AS social
  FROM step AS s
  GROUP BY s.email_sha256
),
-- Paths of few people would be withheld one by one; together they can be told as "(other)".
alike AS (
  SELECT
    p.email_sha256 AS email_sha256,
    p.converted AS converted,
    p.step_1 AS step_1,
    p.step_2 AS step_2,
    p.step_3 AS step_3,
    p.step_4 AS step_4,
    p.step_5 AS step_5,
    SUM(p.one) OVER (PARTITION BY p.step_1, p.step_2, p.step_3, p.step_4, p.step_5) AS people,
    SUM(p.ordered) OVER (PARTITION BY p.step_1, p.step_2, p.step_3, p.step_4, p.step_5) AS buyers
  FROM person AS p
),
labelled AS (
  SELECT
    a.email_sha256 AS email_sha256,
    a.converted AS converted,
    CASE WHEN a.people >= 100 AND a.buyers >= 25 THEN a.step_1 ELSE '(other)' END AS part_1,
    CASE WHEN a.people >= 100 AND a.buyers >= 25 THEN a.step_2 END AS part_2,
    CASE WHEN a.people >= 100 AND a.buyers >= 25 THEN a.step_3 END AS part_3,
    CASE WHEN a.people >= 100 AND a.buyers >= 25 THEN a.step_4 END AS part_4,
    CASE WHEN a.people >= 100 AND a.buyers >= 25 THEN a.step_5 END AS part_5
  FROM alike AS a
),
first_touch AS (
  SELECT s.email_sha256 AS email_sha256, MIN(s.seen_on) AS first_on, MIN(s.seen_at) AS first_seen
  FROM seen AS s
  GROUP BY s.email_sha256
),
-- The first order after the first ad, or the last day of the week, until which the others were watched.
leaving AS (
  SELECT
    f.email_sha256 AS email_sha256,
    f.first_on AS first_on,
    COALESCE(MIN(o.date), :week_end - INTERVAL '1' DAY) AS last_on,
    MAX(CASE WHEN o.date IS NULL THEN 0 ELSE 1 END) AS converted
  FROM first_touch AS f
  LEFT JOIN conversions_journeys AS o
    ON o.email_sha256 = f.email_sha256 AND o.event_time > f.first_seen AND o.date < :week_end
  GROUP BY f.email_sha256, f.first_on
),
aged AS (
  SELECT
    v.email_sha256 AS email_sha256,
    v.converted AS converted,
    CASE
      WHEN v.last_on = v.first_on THEN '0'
      WHEN v.last_on = v.first_on + INTERVAL '1' DAY THEN '1'
      WHEN v.last_on = v.first_on + INTERVAL '2' DAY THEN '2'
      WHEN v.last_on = v.first_on + INTERVAL '3' DAY THEN '3'
      WHEN v.last_on = v.first_on + INTERVAL '4' DAY THEN '4'
      WHEN v.last_on = v.first_on + INTERVAL '5' DAY THEN '5'
      ELSE '6'
    END AS days
  FROM leaving AS v
)
SELECT
  'path' AS kind,
  w.part_1 AS part_1,
  w.part_2 AS part_2,
  w.part_3 AS part_3,
  w.part_4 AS part_4,
  w.part_5 AS part_5,
  COUNT(DISTINCT w.email_sha256) AS people,
  SUM(w.converted) AS conversions
FROM labelled AS w
GROUP BY w.part_1, w.part_2, w.part_3, w.part_4, w.part_5
UNION ALL
SELECT
  'channels' AS kind,
  p.audio AS part_1,
  p.ctv AS part_2,
  p.display AS part_3,
  p.olv AS part_4,
  p.social AS part_5,
  COUNT(DISTINCT p.email_sha256) AS people,
  SUM(p.converted) AS conversions
FROM person AS p
GROUP BY p.audio, p.ctv, p.display, p.olv, p.social
UNION ALL
SELECT
  'days' AS kind,
  g.days AS part_1,
  CAST(NULL AS STRING) AS part_2,
  CAST(NULL AS STRING) AS part_3,
  CAST(NULL AS STRING) AS part_4,
  CAST(NULL AS STRING) AS part_5,
  COUNT(DISTINCT g.email_sha256) AS people,
  SUM(g.converted) AS conversions
FROM aged AS g
GROUP BY g.days
UNION ALL
SELECT
  'all' AS kind,
  CAST(NULL AS STRING) AS part_1,
  CAST(NULL AS STRING) AS part_2,
  CAST(NULL AS STRING) AS part_3,
  CAST(NULL AS STRING) AS part_4,
  CAST(NULL AS STRING) AS part_5,
  COUNT(DISTINCT p.email_sha256) AS people,
  SUM(p.converted) AS conversions
FROM person AS p
