-- duckdb
WITH spine AS (
  SELECT
    frequency
  FROM (VALUES
    (1),
    (2),
    (3),
    (4),
    (5),
    (6),
    (7),
    (8),
    (9),
    (10)) AS listed(frequency)
), told AS (
  SELECT
    frequency,
    people,
    impressions,
    CASE WHEN hidden.cell IS NULL THEN converters END AS converters,
    1 / CAST(people AS DOUBLE) AS each_one,
    CASE
      WHEN hidden.cell IS NULL
      THEN CAST(converters AS DOUBLE) / CAST(people AS DOUBLE)
    END AS rate
  FROM exposure_frequency
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_frequency'
    AND hidden.cell = CAST(exposure_frequency.frequency AS TEXT)
  WHERE
    hidden.cell IS NULL OR hidden.reason = 'converters'
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  spine.frequency,
  told.people,
  told.impressions,
  CAST(told.people AS DOUBLE) / NULLIF(CAST(reach.exposed_customers AS DOUBLE), 0) AS reach_share,
  told.converters,
  told.rate AS conversion_rate,
  (
    told.rate + 1.9207 * told.each_one - 1.96 * SQRT(
      told.rate * (
        1 - told.rate
      ) * told.each_one + 0.9604 * told.each_one * told.each_one
    )
  ) / CAST(1 + 3.8415 * told.each_one AS DOUBLE) AS rate_low,
  (
    told.rate + 1.9207 * told.each_one + 1.96 * SQRT(
      told.rate * (
        1 - told.rate
      ) * told.each_one + 0.9604 * told.each_one * told.each_one
    )
  ) / CAST(1 + 3.8415 * told.each_one AS DOUBLE) AS rate_high,
  (
    told.people IS NULL
  ) AS below_threshold
FROM spine
LEFT JOIN told
  ON told.frequency = spine.frequency
CROSS JOIN (
  SELECT
    COALESCE(SUM(people), 0) AS people
  FROM told
) AS sums
CROSS JOIN (
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
  AND (
    reach.exposed_customers - sums.people <= 0
    OR reach.exposed_customers - sums.people >= 100
  )
ORDER BY
  spine.frequency

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."frequency",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."impressions",
  "segment_assets_numbered"."reach_share",
  "segment_assets_numbered"."converters",
  "segment_assets_numbered"."conversion_rate",
  "segment_assets_numbered"."rate_low",
  "segment_assets_numbered"."rate_high",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "complementary_cells" AS (
    SELECT
      "source",
      "cell",
      "reason"
    FROM "lake"."complementary_cells"
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
  ), "exposure_frequency" AS (
    SELECT
      "frequency",
      "people",
      "impressions",
      "converters"
    FROM "lake"."exposure_frequency"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH spine AS (
      SELECT
        frequency
      FROM (VALUES
        (1),
        (2),
        (3),
        (4),
        (5),
        (6),
        (7),
        (8),
        (9),
        (10)) AS listed(frequency)
    ), told AS (
      SELECT
        frequency,
        people,
        impressions,
        CASE WHEN hidden.cell IS NULL THEN converters END AS converters,
        1 / CAST(people AS DOUBLE) AS each_one,
        CASE
          WHEN hidden.cell IS NULL
          THEN CAST(converters AS DOUBLE) / CAST(people AS DOUBLE)
        END AS rate
      FROM exposure_frequency
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'exposure_frequency'
        AND hidden.cell = CAST(exposure_frequency.frequency AS VARCHAR)
      WHERE
        hidden.cell IS NULL OR hidden.reason = 'converters'
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      spine.frequency,
      told.people,
      told.impressions,
      CAST(told.people AS DOUBLE) / NULLIF(CAST(reach.exposed_customers AS DOUBLE), 0) AS reach_share,
      told.converters,
      told.rate AS conversion_rate,
      (
        told.rate + 1.9207 * told.each_one - 1.96 * SQRT(
          told.rate * (
            1 - told.rate
          ) * told.each_one + 0.9604 * told.each_one * told.each_one
        )
      ) / CAST(1 + 3.8415 * told.each_one AS DOUBLE) AS rate_low,
      (
        told.rate + 1.9207 * told.each_one + 1.96 * SQRT(
          told.rate * (
            1 - told.rate
          ) * told.each_one + 0.9604 * told.each_one * told.each_one
        )
      ) / CAST(1 + 3.8415 * told.each_one AS DOUBLE) AS rate_high,
      (
        told.people IS NULL
      ) AS below_threshold,
      spine.frequency AS "order_1"
    FROM spine
    LEFT JOIN told
      ON told.frequency = spine.frequency
    CROSS JOIN (
      SELECT
        COALESCE(SUM(people), 0) AS people
      FROM told
    ) AS sums
    CROSS JOIN (
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
      AND (
        reach.exposed_customers - sums.people <= 0
        OR reach.exposed_customers - sums.people >= 100
      )
  )
  SELECT
    "reporting_week",
    "frequency",
    "people",
    "impressions",
    "reach_share",
    "converters",
    "conversion_rate",
    "rate_low",
    "rate_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
