-- duckdb
WITH known AS (
  SELECT
    creative_id
  FROM conversions
  WHERE
    NOT creative_id IS NULL
  UNION
  SELECT
    creative_id
  FROM overlap_by_creative
  WHERE
    NOT creative_id IS NULL
), everybody AS (
  SELECT
    base.converters,
    matched.matched_converters
  FROM (
    SELECT
      COUNT(DISTINCT email_sha256) AS converters
    FROM conversions
  ) AS base
  CROSS JOIN (
    SELECT
      MAX(matched_converters) AS matched_converters
    FROM overlap
  ) AS matched
), told AS (
  SELECT
    shown.creative_id,
    shown.matched_converters,
    CASE
      WHEN NOT everybody.converters - everybody.matched_converters BETWEEN 0 AND 99
      THEN everybody.matched_converters
    END AS every_match
  FROM overlap_by_creative AS shown
  CROSS JOIN everybody
  WHERE
    NOT COALESCE(everybody.matched_converters - shown.matched_converters, 0) BETWEEN 1 AND 99
    AND NOT everybody.converters - shown.matched_converters BETWEEN 0 AND 99
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  known.creative_id,
  told.matched_converters,
  CAST(told.matched_converters AS DOUBLE) / NULLIF(told.every_match, 0) AS share_of_matched,
  (
    told.matched_converters IS NULL
  ) AS below_threshold
FROM known
LEFT JOIN told
  ON told.creative_id = known.creative_id
ORDER BY
  told.matched_converters DESC,
  known.creative_id

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."creative_id",
  "segment_assets_numbered"."matched_converters",
  "segment_assets_numbered"."share_of_matched",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "conversions" AS (
    SELECT
      "email_sha256",
      "creative_id"
    FROM "account_a"."conversions"
    WHERE
      "week" IN ('2026-10-05')
  ), "overlap" AS (
    SELECT
      "matched_converters"
    FROM "lake"."overlap"
    WHERE
      "partition" IN ('2026-10-05')
  ), "overlap_by_creative" AS (
    SELECT
      "creative_id",
      "matched_converters"
    FROM "lake"."overlap_by_creative"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH known AS (
      SELECT
        creative_id
      FROM conversions
      WHERE
        NOT creative_id IS NULL
      UNION
      SELECT
        creative_id
      FROM overlap_by_creative
      WHERE
        NOT creative_id IS NULL
    ), everybody AS (
      SELECT
        base.converters,
        matched.matched_converters
      FROM (
        SELECT
          COUNT(DISTINCT email_sha256) AS converters
        FROM conversions
      ) AS base
      CROSS JOIN (
        SELECT
          MAX(matched_converters) AS matched_converters
        FROM overlap
      ) AS matched
    ), told AS (
      SELECT
        shown.creative_id,
        shown.matched_converters,
        CASE
          WHEN NOT everybody.converters - everybody.matched_converters BETWEEN 0 AND 99
          THEN everybody.matched_converters
        END AS every_match
      FROM overlap_by_creative AS shown
      CROSS JOIN everybody
      WHERE
        NOT COALESCE(everybody.matched_converters - shown.matched_converters, 0) BETWEEN 1 AND 99
        AND NOT everybody.converters - shown.matched_converters BETWEEN 0 AND 99
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      known.creative_id,
      told.matched_converters,
      CAST(told.matched_converters AS DOUBLE) / NULLIF(told.every_match, 0) AS share_of_matched,
      (
        told.matched_converters IS NULL
      ) AS below_threshold,
      told.matched_converters AS "order_1",
      known.creative_id AS "order_2"
    FROM known
    LEFT JOIN told
      ON told.creative_id = known.creative_id
  )
  SELECT
    "reporting_week",
    "creative_id",
    "matched_converters",
    "share_of_matched",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1" DESC, "order_2") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
