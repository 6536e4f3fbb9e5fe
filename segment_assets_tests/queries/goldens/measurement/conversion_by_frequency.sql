-- duckdb
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  frequency,
  people,
  converters,
  conversion_rate,
  rate_low,
  rate_high,
  (
    converters IS NULL
  ) AS below_threshold
FROM reach_frequency
ORDER BY
  frequency

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."frequency",
  "segment_assets_numbered"."people",
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
  WITH "reach_frequency" AS (
    SELECT
      "frequency",
      "people",
      "converters",
      "conversion_rate",
      "rate_low",
      "rate_high"
    FROM "lake"."reach_frequency"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      frequency,
      people,
      converters,
      conversion_rate,
      rate_low,
      rate_high,
      (
        converters IS NULL
      ) AS below_threshold
    FROM reach_frequency
  )
  SELECT
    "reporting_week",
    "frequency",
    "people",
    "converters",
    "conversion_rate",
    "rate_low",
    "rate_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "frequency") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
