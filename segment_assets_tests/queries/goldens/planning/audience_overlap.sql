-- duckdb
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  base.customers,
  reach.exposed_customers,
  converted.matched_customers AS matched_converters,
  CAST(reach.exposed_customers AS DOUBLE) / NULLIF(base.customers, 0) AS overlap_rate,
  CAST(converted.matched_customers AS DOUBLE) / NULLIF(reach.exposed_customers, 0) AS conversion_rate,
  (
    reach.exposed_customers IS NULL OR converted.matched_customers IS NULL
  ) AS below_threshold
FROM (
  SELECT
    COUNT(DISTINCT email_sha256) AS customers
  FROM customers
) AS base
LEFT JOIN (
  SELECT
    MAX(exposed_customers) AS exposed_customers
  FROM customer_reach
) AS reach
  ON base.customers - reach.exposed_customers >= 100
LEFT JOIN (
  SELECT
    told.matched_customers,
    everybody.exposed_customers
  FROM (
    SELECT
      MAX(matched_customers) AS matched_customers
    FROM matched_customers
  ) AS told
  CROSS JOIN (
    SELECT
      MAX(exposed_customers) AS exposed_customers
    FROM customer_reach
  ) AS everybody
) AS converted
  ON converted.exposed_customers IS NULL
  OR converted.exposed_customers - converted.matched_customers >= 100

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."customers",
  "segment_assets_numbered"."exposed_customers",
  "segment_assets_numbered"."matched_converters",
  "segment_assets_numbered"."overlap_rate",
  "segment_assets_numbered"."conversion_rate",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "customer_reach" AS (
    SELECT
      "exposed_customers"
    FROM "lake"."customer_reach"
    WHERE
      "partition" IN ('2026-10-05')
  ), "customers" AS (
    SELECT
      "email_sha256"
    FROM "account_a"."customers"
  ), "matched_customers" AS (
    SELECT
      "matched_customers"
    FROM "lake"."matched_customers"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      base.customers,
      reach.exposed_customers,
      converted.matched_customers AS matched_converters,
      CAST(reach.exposed_customers AS DOUBLE) / NULLIF(base.customers, 0) AS overlap_rate,
      CAST(converted.matched_customers AS DOUBLE) / NULLIF(reach.exposed_customers, 0) AS conversion_rate,
      (
        reach.exposed_customers IS NULL OR converted.matched_customers IS NULL
      ) AS below_threshold
    FROM (
      SELECT
        COUNT(DISTINCT email_sha256) AS customers
      FROM customers
    ) AS base
    LEFT JOIN (
      SELECT
        MAX(exposed_customers) AS exposed_customers
      FROM customer_reach
    ) AS reach
      ON base.customers - reach.exposed_customers >= 100
    LEFT JOIN (
      SELECT
        told.matched_customers,
        everybody.exposed_customers
      FROM (
        SELECT
          MAX(matched_customers) AS matched_customers
        FROM matched_customers
      ) AS told
      CROSS JOIN (
        SELECT
          MAX(exposed_customers) AS exposed_customers
        FROM customer_reach
      ) AS everybody
    ) AS converted
      ON converted.exposed_customers IS NULL
      OR converted.exposed_customers - converted.matched_customers >= 100
  )
  SELECT
    "reporting_week",
    "customers",
    "exposed_customers",
    "matched_converters",
    "overlap_rate",
    "conversion_rate",
    "below_threshold",
    ROW_NUMBER() OVER () AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
