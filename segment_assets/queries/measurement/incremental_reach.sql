-- How many customers each channel reached in the week, and how many of them no other channel reached.
-- Groups of exposure_sets are disjoint, so they add up to a channel's reach. Withheld ones are missing from the sum: who
-- is in them is what the reach over all channels leaves, and may or may not have seen this channel. Hence two bounds.
-- Fewer than 100 of them (the strictest minimum of the collaboration) count as 100: a wider bound that tells no number.
-- Where as few customers were not reached, all customers stand for the reach over all channels: it would tell those few.
WITH spine AS (
  SELECT channel FROM (VALUES ('audio'), ('ctv'), ('display'), ('olv'), ('social')) AS listed (channel)
),
shown AS (
  SELECT t.audio, t.ctv, t.display, t.olv, t.social, t.people
  FROM exposure_sets AS t
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_sets'
    AND hidden.cell = CAST(t.ctv AS varchar) || '/' || CAST(t.olv AS varchar)
      || '/' || CAST(t.display AS varchar) || '/' || CAST(t.audio AS varchar) || '/' || CAST(t.social AS varchar)
  WHERE hidden.cell IS NULL OR hidden.reason = 'converters'
),
cells AS (
  SELECT
    spine.channel,
    told.people,
    CASE spine.channel
      WHEN 'audio' THEN told.audio
      WHEN 'ctv' THEN told.ctv
      WHEN 'display' THEN told.display
      WHEN 'olv' THEN told.olv
      ELSE told.social
    END AS saw_it,
    told.audio + told.ctv + told.display + told.olv + told.social AS channels_seen
  FROM spine
  CROSS JOIN shown AS told
),
sums AS (
  SELECT
    channel,
    SUM(CASE WHEN saw_it = 1 THEN people END) AS reached,
    MAX(CASE WHEN saw_it = 1 AND channels_seen = 1 THEN people END) AS only_here
  FROM cells
  GROUP BY channel
),
withheld AS (
  SELECT
    CASE
      WHEN reach.exposed_customers - COALESCE(told.people, 0) BETWEEN 1 AND 99 THEN 100
      ELSE reach.exposed_customers - COALESCE(told.people, 0)
    END AS people
  FROM (
    SELECT
      CASE
        WHEN base.customers - everybody.exposed_customers BETWEEN 1 AND 99 THEN base.customers
        ELSE everybody.exposed_customers
      END AS exposed_customers
    FROM (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS everybody
    CROSS JOIN (SELECT COUNT(DISTINCT email_sha256) AS customers FROM customers) AS base
  ) AS reach
  CROSS JOIN (SELECT SUM(people) AS people FROM shown) AS told
)
SELECT
  :reporting_week AS reporting_week,
  spine.channel,
  sums.reached AS reached_at_least,
  sums.reached + withheld.people AS reached_at_most,
  sums.only_here AS incremental_people,
  CAST(sums.only_here AS double) / NULLIF(sums.reached + withheld.people, 0) AS incremental_share_low,
  CAST(sums.only_here AS double) / NULLIF(sums.reached, 0) AS incremental_share_high,
  (sums.only_here IS NULL) AS below_threshold
FROM spine
LEFT JOIN sums ON sums.channel = spine.channel
CROSS JOIN withheld
ORDER BY spine.channel
