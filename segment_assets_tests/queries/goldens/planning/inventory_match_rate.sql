-- duckdb
WITH spine AS (
  SELECT
    listed.channel,
    days.day,
    listed.channel || '/' || days.number AS cell
  FROM (VALUES
    ('(all)'),
    ('audio'),
    ('ctv'),
    ('display'),
    ('olv'),
    ('social')) AS listed(channel)
  CROSS JOIN (
    SELECT
      CAST('2026-10-05' AS DATE) AS day,
      '0' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '1' DAY AS DATE) AS day,
      '1' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '2' DAY AS DATE) AS day,
      '2' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '3' DAY AS DATE) AS day,
      '3' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '4' DAY AS DATE) AS day,
      '4' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '5' DAY AS DATE) AS day,
      '5' AS number
    UNION ALL
    SELECT
      CAST(CAST('2026-10-05' AS DATE) + INTERVAL '6' DAY AS DATE) AS day,
      '6' AS number
  ) AS days
), shown AS (
  SELECT
    spine.channel,
    spine.day
  FROM spine
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'inventory_days' AND hidden.cell = spine.cell
  WHERE
    hidden.cell IS NULL
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  spine.channel,
  spine.day,
  told.impressions,
  told.addressable_impressions,
  told.matched_impressions,
  CAST(told.addressable_impressions AS DOUBLE) / NULLIF(told.impressions, 0) AS addressable_rate,
  CAST(told.matched_impressions AS DOUBLE) / NULLIF(told.addressable_impressions, 0) AS match_rate,
  (
    told.impressions IS NULL
  ) AS below_threshold
FROM spine
LEFT JOIN shown
  ON shown.channel = spine.channel AND shown.day = spine.day
LEFT JOIN inventory_days AS told
  ON told.channel = shown.channel AND told.day = shown.day
ORDER BY
  spine.channel,
  spine.day

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."channel",
  "segment_assets_numbered"."day",
  "segment_assets_numbered"."impressions",
  "segment_assets_numbered"."addressable_impressions",
  "segment_assets_numbered"."matched_impressions",
  "segment_assets_numbered"."addressable_rate",
  "segment_assets_numbered"."match_rate",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "complementary_cells" AS (
    SELECT
      "source",
      "cell"
    FROM "lake"."complementary_cells"
    WHERE
      "partition" IN ('2026-10-05')
  ), "inventory_days" AS (
    SELECT
      "channel",
      "day",
      "impressions",
      "addressable_impressions",
      "matched_impressions"
    FROM "lake"."inventory_days"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH spine AS (
      SELECT
        listed.channel,
        days.day,
        listed.channel || '/' || days.number AS cell
      FROM (VALUES
        ('(all)'),
        ('audio'),
        ('ctv'),
        ('display'),
        ('olv'),
        ('social')) AS listed(channel)
      CROSS JOIN (
        SELECT
          CAST('2026-10-05' AS DATE) AS day,
          '0' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '1' DAY AS DATE) AS day,
          '1' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '2' DAY AS DATE) AS day,
          '2' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '3' DAY AS DATE) AS day,
          '3' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '4' DAY AS DATE) AS day,
          '4' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '5' DAY AS DATE) AS day,
          '5' AS number
        UNION ALL
        SELECT
          CAST(CAST('2026-10-05' AS DATE) + INTERVAL '6' DAY AS DATE) AS day,
          '6' AS number
      ) AS days
    ), shown AS (
      SELECT
        spine.channel,
        spine.day
      FROM spine
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'inventory_days' AND hidden.cell = spine.cell
      WHERE
        hidden.cell IS NULL
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      spine.channel,
      spine.day,
      told.impressions,
      told.addressable_impressions,
      told.matched_impressions,
      CAST(told.addressable_impressions AS DOUBLE) / NULLIF(told.impressions, 0) AS addressable_rate,
      CAST(told.matched_impressions AS DOUBLE) / NULLIF(told.addressable_impressions, 0) AS match_rate,
      (
        told.impressions IS NULL
      ) AS below_threshold,
      spine.channel AS "order_1",
      spine.day AS "order_2"
    FROM spine
    LEFT JOIN shown
      ON shown.channel = spine.channel AND shown.day = spine.day
    LEFT JOIN inventory_days AS told
      ON told.channel = shown.channel AND told.day = shown.day
  )
  SELECT
    "reporting_week",
    "channel",
    "day",
    "impressions",
    "addressable_impressions",
    "matched_impressions",
    "addressable_rate",
    "match_rate",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1", "order_2") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
