-- duckdb
WITH base AS (
  SELECT
    birth_country AS attribute_value,
    COUNT(DISTINCT email_sha256) AS base_people
  FROM customers
  WHERE
    NOT birth_country IS NULL
  GROUP BY
    birth_country
), totals AS (
  SELECT
    base_total.people AS base_total,
    matched_total.people AS every_match,
    CASE
      WHEN reach.people IS NULL OR reach.people - matched_total.people >= 100
      THEN matched_total.people
    END AS matched_total
  FROM (
    SELECT
      COUNT(DISTINCT email_sha256) AS people
    FROM customers
  ) AS base_total
  CROSS JOIN (
    SELECT
      MAX(matched_customers) AS people
    FROM matched_customers
  ) AS matched_total
  CROSS JOIN (
    SELECT
      MAX(exposed_customers) AS people
    FROM customer_reach
  ) AS reach
), guarded AS (
  SELECT
    base.attribute_value,
    base.base_people,
    CASE
      WHEN base.base_people - told.matched_converters >= 100
      THEN told.matched_converters
    END AS matched_converters
  FROM base
  LEFT JOIN audience_by_birth_country AS told
    ON told.birth_country = base.attribute_value
), ranked AS (
  SELECT
    attribute_value,
    base_people,
    matched_converters,
    ROW_NUMBER() OVER (ORDER BY matched_converters, attribute_value) AS place,
    COALESCE(
      SUM(matched_converters) OVER (
        ORDER BY matched_converters, attribute_value
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ),
      0
    ) AS smaller
  FROM guarded
), remainder AS (
  SELECT
    totals.every_match - COALESCE(sums.people, 0) AS people,
    sums.withheld AS withheld
  FROM totals
  CROSS JOIN (
    SELECT
      SUM(matched_converters) AS people,
      COUNT(
        CASE WHEN matched_converters IS NULL AND base_people > 99 THEN attribute_value END
      ) AS withheld
    FROM guarded
  ) AS sums
), cells AS (
  SELECT
    ranked.attribute_value,
    ranked.base_people,
    CASE
      WHEN remainder.people > 0
      AND (
        remainder.withheld + ranked.place < 3
        OR remainder.people + ranked.smaller < CASE WHEN ranked.place = 1 THEN 100 ELSE 200 END
      )
      THEN NULL
      ELSE ranked.matched_converters
    END AS matched_converters
  FROM ranked
  CROSS JOIN remainder
), shares AS (
  SELECT
    cells.attribute_value,
    cells.base_people,
    cells.matched_converters,
    CAST(cells.base_people AS DOUBLE) / NULLIF(totals.base_total, 0) AS base_share,
    CAST(cells.matched_converters AS DOUBLE) / NULLIF(totals.matched_total, 0) AS matched_share
  FROM cells
  CROSS JOIN totals
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  'birth_country' AS attribute,
  attribute_value,
  base_people,
  base_share,
  matched_converters,
  matched_share,
  matched_share / NULLIF(base_share, 0) * 100 AS affinity_index,
  matched_share / NULLIF(base_share, 0) * 100 * EXP(-1.96 * SQRT((
    1 - matched_share
  ) / CAST(matched_converters AS DOUBLE))) AS index_low,
  matched_share / NULLIF(base_share, 0) * 100 * EXP(1.96 * SQRT((
    1 - matched_share
  ) / CAST(matched_converters AS DOUBLE))) AS index_high,
  (
    matched_converters IS NULL
  ) AS below_threshold
FROM shares
ORDER BY
  base_people DESC,
  attribute_value

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."attribute",
  "segment_assets_numbered"."attribute_value",
  "segment_assets_numbered"."base_people",
  "segment_assets_numbered"."base_share",
  "segment_assets_numbered"."matched_converters",
  "segment_assets_numbered"."matched_share",
  "segment_assets_numbered"."affinity_index",
  "segment_assets_numbered"."index_low",
  "segment_assets_numbered"."index_high",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "audience_by_birth_country" AS (
    SELECT
      "birth_country",
      "matched_converters"
    FROM "lake"."audience_by_birth_country"
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
      "email_sha256",
      "birth_country"
    FROM "account_a"."customers"
  ), "matched_customers" AS (
    SELECT
      "matched_customers"
    FROM "lake"."matched_customers"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH base AS (
      SELECT
        birth_country AS attribute_value,
        COUNT(DISTINCT email_sha256) AS base_people
      FROM customers
      WHERE
        NOT birth_country IS NULL
      GROUP BY
        birth_country
    ), totals AS (
      SELECT
        base_total.people AS base_total,
        matched_total.people AS every_match,
        CASE
          WHEN reach.people IS NULL OR reach.people - matched_total.people >= 100
          THEN matched_total.people
        END AS matched_total
      FROM (
        SELECT
          COUNT(DISTINCT email_sha256) AS people
        FROM customers
      ) AS base_total
      CROSS JOIN (
        SELECT
          MAX(matched_customers) AS people
        FROM matched_customers
      ) AS matched_total
      CROSS JOIN (
        SELECT
          MAX(exposed_customers) AS people
        FROM customer_reach
      ) AS reach
    ), guarded AS (
      SELECT
        base.attribute_value,
        base.base_people,
        CASE
          WHEN base.base_people - told.matched_converters >= 100
          THEN told.matched_converters
        END AS matched_converters
      FROM base
      LEFT JOIN audience_by_birth_country AS told
        ON told.birth_country = base.attribute_value
    ), ranked AS (
      SELECT
        attribute_value,
        base_people,
        matched_converters,
        ROW_NUMBER() OVER (ORDER BY matched_converters, attribute_value) AS place,
        COALESCE(
          SUM(matched_converters) OVER (
            ORDER BY matched_converters, attribute_value
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
          ),
          0
        ) AS smaller
      FROM guarded
    ), remainder AS (
      SELECT
        totals.every_match - COALESCE(sums.people, 0) AS people,
        sums.withheld AS withheld
      FROM totals
      CROSS JOIN (
        SELECT
          SUM(matched_converters) AS people,
          COUNT(
            CASE WHEN matched_converters IS NULL AND base_people > 99 THEN attribute_value END
          ) AS withheld
        FROM guarded
      ) AS sums
    ), cells AS (
      SELECT
        ranked.attribute_value,
        ranked.base_people,
        CASE
          WHEN remainder.people > 0
          AND (
            remainder.withheld + ranked.place < 3
            OR remainder.people + ranked.smaller < CASE WHEN ranked.place = 1 THEN 100 ELSE 200 END
          )
          THEN NULL
          ELSE ranked.matched_converters
        END AS matched_converters
      FROM ranked
      CROSS JOIN remainder
    ), shares AS (
      SELECT
        cells.attribute_value,
        cells.base_people,
        cells.matched_converters,
        CAST(cells.base_people AS DOUBLE) / NULLIF(totals.base_total, 0) AS base_share,
        CAST(cells.matched_converters AS DOUBLE) / NULLIF(totals.matched_total, 0) AS matched_share
      FROM cells
      CROSS JOIN totals
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      'birth_country' AS attribute,
      attribute_value,
      base_people,
      base_share,
      matched_converters,
      matched_share,
      matched_share / NULLIF(base_share, 0) * 100 AS affinity_index,
      matched_share / NULLIF(base_share, 0) * 100 * EXP(-1.96 * SQRT((
        1 - matched_share
      ) / CAST(matched_converters AS DOUBLE))) AS index_low,
      matched_share / NULLIF(base_share, 0) * 100 * EXP(1.96 * SQRT((
        1 - matched_share
      ) / CAST(matched_converters AS DOUBLE))) AS index_high,
      (
        matched_converters IS NULL
      ) AS below_threshold
    FROM shares
  )
  SELECT
    "reporting_week",
    "attribute",
    "attribute_value",
    "base_people",
    "base_share",
    "matched_converters",
    "matched_share",
    "affinity_index",
    "index_low",
    "index_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "base_people" DESC, "attribute_value") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
