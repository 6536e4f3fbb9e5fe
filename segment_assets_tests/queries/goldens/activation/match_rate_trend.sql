-- duckdb
WITH answers AS (
  SELECT
    destination,
    account,
    segment,
    state,
    acknowledged,
    size_lower,
    size_upper,
    CAST(asked_at AS DATE) AS asked_on,
    ROW_NUMBER() OVER (
      PARTITION BY destination, account, segment, CAST(asked_at AS DATE)
      ORDER BY asked_at DESC
    ) AS newest
  FROM audience_sizes
), rates AS (
  SELECT
    destination,
    account,
    segment,
    asked_on,
    state,
    acknowledged,
    size_lower AS size_low,
    size_upper AS size_high,
    CAST(size_lower AS DOUBLE) / NULLIF(acknowledged, 0) AS match_rate_low,
    CAST(size_upper AS DOUBLE) / NULLIF(acknowledged, 0) AS match_rate_high
  FROM answers
  WHERE
    newest = 1
)
SELECT
  destination,
  account,
  segment,
  asked_on,
  state,
  acknowledged,
  size_low,
  size_high,
  match_rate_low,
  match_rate_high,
  match_rate_low - LAG(match_rate_low) OVER (PARTITION BY destination, account, segment ORDER BY asked_on) AS change_low
FROM rates
ORDER BY
  destination,
  account,
  segment,
  asked_on

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."destination",
  "segment_assets_numbered"."account",
  "segment_assets_numbered"."segment",
  "segment_assets_numbered"."asked_on",
  "segment_assets_numbered"."state",
  "segment_assets_numbered"."acknowledged",
  "segment_assets_numbered"."size_low",
  "segment_assets_numbered"."size_high",
  "segment_assets_numbered"."match_rate_low",
  "segment_assets_numbered"."match_rate_high",
  "segment_assets_numbered"."change_low",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "audience_sizes" AS (
    SELECT
      "destination",
      "account",
      "segment",
      "asked_at",
      "state",
      "size_lower",
      "size_upper",
      "acknowledged"
    FROM "lake"."audience_sizes"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH answers AS (
      SELECT
        destination,
        account,
        segment,
        state,
        acknowledged,
        size_lower,
        size_upper,
        CAST(asked_at AS DATE) AS asked_on,
        ROW_NUMBER() OVER (
          PARTITION BY destination, account, segment, CAST(asked_at AS DATE)
          ORDER BY asked_at DESC
        ) AS newest
      FROM audience_sizes
    ), rates AS (
      SELECT
        destination,
        account,
        segment,
        asked_on,
        state,
        acknowledged,
        size_lower AS size_low,
        size_upper AS size_high,
        CAST(size_lower AS DOUBLE) / NULLIF(acknowledged, 0) AS match_rate_low,
        CAST(size_upper AS DOUBLE) / NULLIF(acknowledged, 0) AS match_rate_high
      FROM answers
      WHERE
        newest = 1
    )
    SELECT
      destination,
      account,
      segment,
      asked_on,
      state,
      acknowledged,
      size_low,
      size_high,
      match_rate_low,
      match_rate_high,
      match_rate_low - LAG(match_rate_low) OVER (PARTITION BY destination, account, segment ORDER BY asked_on) AS change_low
    FROM rates
  )
  SELECT
    "destination",
    "account",
    "segment",
    "asked_on",
    "state",
    "acknowledged",
    "size_low",
    "size_high",
    "match_rate_low",
    "match_rate_high",
    "change_low",
    ROW_NUMBER() OVER (ORDER BY "destination", "account", "segment", "asked_on") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
