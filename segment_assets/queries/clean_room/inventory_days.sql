-- Account B's inventory of the week by channel and day, and over all channels: how much of it names a viewer, how much
-- a customer of ours, and how many people were reached for the first time in the week. Impressions are additive.
-- A number of people below the partner's minimum is withheld here: sums over days would tell about those few. `firsts`
-- counts the impressions without an e-mail as one person more, hence "above 100".
WITH known AS (
  SELECT DISTINCT c.email_sha256 AS email_sha256
  FROM customers_journeys AS c
),
shown AS (
  SELECT
    i.channel AS channel,
    i.date AS shown_on,
    i.impression_id AS impression_id,
    i.email_sha256 AS email_sha256,
    k.email_sha256 AS customer,
    ROW_NUMBER() OVER (PARTITION BY i.email_sha256, i.channel ORDER BY i.event_time, i.impression_id) AS place_here,
    ROW_NUMBER() OVER (PARTITION BY i.email_sha256 ORDER BY i.event_time, i.impression_id) AS place
  FROM impressions_journeys AS i
  LEFT JOIN known AS k ON k.email_sha256 = i.email_sha256
  WHERE i.date >= :week_start AND i.date < :week_end
),
counted AS (
  SELECT
    s.channel AS channel,
    s.shown_on AS shown_on,
    COUNT(s.impression_id) AS impressions,
    COUNT(s.email_sha256) AS addressable_impressions,
    COUNT(s.customer) AS matched_impressions,
    COUNT(DISTINCT s.email_sha256) AS people,
    COUNT(DISTINCT CASE WHEN s.place_here = 1 THEN s.email_sha256 END) AS newly_reached,
    SUM(CASE WHEN s.place_here = 1 THEN 1 ELSE 0 END) AS firsts
  FROM shown AS s
  GROUP BY s.channel, s.shown_on
  UNION ALL
  SELECT
    '(all)' AS channel,
    s.shown_on AS shown_on,
    COUNT(s.impression_id) AS impressions,
    COUNT(s.email_sha256) AS addressable_impressions,
    COUNT(s.customer) AS matched_impressions,
    COUNT(DISTINCT s.email_sha256) AS people,
    COUNT(DISTINCT CASE WHEN s.place = 1 THEN s.email_sha256 END) AS newly_reached,
    SUM(CASE WHEN s.place = 1 THEN 1 ELSE 0 END) AS firsts
  FROM shown AS s
  GROUP BY s.shown_on
)
SELECT
  c.channel AS channel,
  c.shown_on AS day,
  SUM(c.impressions) AS impressions,
  SUM(c.addressable_impressions) AS addressable_impressions,
  SUM(c.matched_impressions) AS matched_impressions,
  SUM(c.people) AS people,
  SUM(CASE WHEN c.firsts > 100 THEN c.newly_reached END) AS newly_reached
FROM counted AS c
GROUP BY c.channel, c.shown_on
