-- duckdb
WITH everybody AS (
  SELECT
    base.customers,
    reach.exposed_customers
  FROM (
    SELECT
      COUNT(DISTINCT email_sha256) AS customers
    FROM customers
  ) AS base
  CROSS JOIN (
    SELECT
      MAX(exposed_customers) AS exposed_customers
    FROM customer_reach
  ) AS reach
), rows_told AS (
  SELECT
    COALESCE(told.campaign_id, '(none)') AS campaign_id,
    COALESCE(told.channel, '(none)') AS channel,
    CASE
      WHEN NOT COALESCE(everybody.exposed_customers - told.reached_customers, 0) BETWEEN 1 AND 99
      AND everybody.customers - told.reached_customers >= 100
      THEN told.reached_customers
    END AS reached_customers,
    CASE
      WHEN NOT COALESCE(everybody.exposed_customers - told.reached_customers, 0) BETWEEN 1 AND 99
      AND everybody.customers - told.reached_customers >= 100
      THEN told.impressions
    END AS impressions
  FROM campaign_reach AS told
  CROSS JOIN everybody
  UNION ALL
  SELECT
    '(all)' AS campaign_id,
    '(all)' AS channel,
    CASE
      WHEN everybody.customers - everybody.exposed_customers >= 100
      THEN everybody.exposed_customers
    END AS reached_customers,
    CAST(NULL AS BIGINT) AS impressions
  FROM everybody
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  rows_told.campaign_id,
  rows_told.channel,
  rows_told.reached_customers,
  rows_told.impressions,
  CAST(rows_told.impressions AS DOUBLE) / NULLIF(rows_told.reached_customers, 0) AS average_frequency,
  CAST(rows_told.reached_customers AS DOUBLE) / NULLIF(everybody.customers, 0) AS reach_rate,
  (
    rows_told.reached_customers IS NULL
  ) AS below_threshold
FROM rows_told
CROSS JOIN everybody
ORDER BY
  rows_told.campaign_id,
  rows_told.channel

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."campaign_id",
  "segment_assets_numbered"."channel",
  "segment_assets_numbered"."reached_customers",
  "segment_assets_numbered"."impressions",
  "segment_assets_numbered"."average_frequency",
  "segment_assets_numbered"."reach_rate",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "campaign_reach" AS (
    SELECT
      "campaign_id",
      "channel",
      "reached_customers",
      "impressions"
    FROM "lake"."campaign_reach"
    WHERE
      "partition" IN ('2026-10-05')
  ), "customer_reach" AS (
    SELECT
      "exposed_customers"
    FROM "lake"."customer_reach"
    WHERE
      "partition" IN ('2026-10-05')
  ), "customers" AS (
    SELECT
      "email_sha256"
    FROM "account_a"."customers"
  ), "segment_assets_answer" AS (
    WITH everybody AS (
      SELECT
        base.customers,
        reach.exposed_customers
      FROM (
        SELECT
          COUNT(DISTINCT email_sha256) AS customers
        FROM customers
      ) AS base
      CROSS JOIN (
        SELECT
          MAX(exposed_customers) AS exposed_customers
        FROM customer_reach
      ) AS reach
    ), rows_told AS (
      SELECT
        COALESCE(told.campaign_id, '(none)') AS campaign_id,
        COALESCE(told.channel, '(none)') AS channel,
        CASE
          WHEN NOT COALESCE(everybody.exposed_customers - told.reached_customers, 0) BETWEEN 1 AND 99
          AND everybody.customers - told.reached_customers >= 100
          THEN told.reached_customers
        END AS reached_customers,
        CASE
          WHEN NOT COALESCE(everybody.exposed_customers - told.reached_customers, 0) BETWEEN 1 AND 99
          AND everybody.customers - told.reached_customers >= 100
          THEN told.impressions
        END AS impressions
      FROM campaign_reach AS told
      CROSS JOIN everybody
      UNION ALL
      SELECT
        '(all)' AS campaign_id,
        '(all)' AS channel,
        CASE
          WHEN everybody.customers - everybody.exposed_customers >= 100
          THEN everybody.exposed_customers
        END AS reached_customers,
        CAST(NULL AS BIGINT) AS impressions
      FROM everybody
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      rows_told.campaign_id,
      rows_told.channel,
      rows_told.reached_customers,
      rows_told.impressions,
      CAST(rows_told.impressions AS DOUBLE) / NULLIF(rows_told.reached_customers, 0) AS average_frequency,
      CAST(rows_told.reached_customers AS DOUBLE) / NULLIF(everybody.customers, 0) AS reach_rate,
      (
        rows_told.reached_customers IS NULL
      ) AS below_threshold,
      rows_told.campaign_id AS "order_1",
      rows_told.channel AS "order_2"
    FROM rows_told
    CROSS JOIN everybody
  )
  SELECT
    "reporting_week",
    "campaign_id",
    "channel",
    "reached_customers",
    "impressions",
    "average_frequency",
    "reach_rate",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1", "order_2") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
