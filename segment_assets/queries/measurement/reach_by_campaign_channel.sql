-- Reach, impressions and average frequency of every campaign and channel, and the reach over all of them.
-- Reach does not add up: a customer reached by two campaigns counts in both rows and once in the row `(all)`.
-- Which campaigns the partner ran is only known from the result, so a withheld campaign has no row.
-- Where fewer than 100 customers (the strictest minimum) were not reached, the reach of all or of a campaign tells about
-- those few: it is withheld as in audience_overlap. So is a campaign that as few of all the reached did not see.
WITH everybody AS (
  SELECT base.customers, reach.exposed_customers
  FROM (SELECT COUNT(DISTINCT email_sha256) AS customers FROM customers) AS base
  CROSS JOIN (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS reach
),
rows_told AS (
  SELECT
    COALESCE(told.campaign_id, '(none)') AS campaign_id,
    COALESCE(told.channel, '(none)') AS channel,
    CASE
      WHEN COALESCE(everybody.exposed_customers - told.reached_customers, 0) NOT BETWEEN 1 AND 99
        AND everybody.customers - told.reached_customers >= 100 THEN told.reached_customers
    END AS reached_customers,
    CASE
      WHEN COALESCE(everybody.exposed_customers - told.reached_customers, 0) NOT BETWEEN 1 AND 99
        AND everybody.customers - told.reached_customers >= 100 THEN told.impressions
    END AS impressions
  FROM campaign_reach AS told
  CROSS JOIN everybody
  UNION ALL
  SELECT
    '(all)' AS campaign_id,
    '(all)' AS channel,
    CASE
      WHEN everybody.customers - everybody.exposed_customers >= 100 THEN everybody.exposed_customers
    END AS reached_customers,
    CAST(NULL AS bigint) AS impressions
  FROM everybody
)
SELECT
  :reporting_week AS reporting_week,
  rows_told.campaign_id,
  rows_told.channel,
  rows_told.reached_customers,
  rows_told.impressions,
  CAST(rows_told.impressions AS double) / NULLIF(rows_told.reached_customers, 0) AS average_frequency,
  CAST(rows_told.reached_customers AS double) / NULLIF(everybody.customers, 0) AS reach_rate,
  (rows_told.reached_customers IS NULL) AS below_threshold
FROM rows_told
CROSS JOIN everybody
ORDER BY rows_told.campaign_id, rows_told.channel
