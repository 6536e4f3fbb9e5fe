-- duckdb
WITH seen AS (
  SELECT
    flag
  FROM (VALUES
    (0),
    (1)) AS listed(flag)
), spine AS (
  SELECT
    a.flag AS audio,
    c.flag AS ctv,
    d.flag AS display,
    o.flag AS olv,
    s.flag AS social
  FROM seen AS a
  CROSS JOIN seen AS c
  CROSS JOIN seen AS d
  CROSS JOIN seen AS o
  CROSS JOIN seen AS s
  WHERE
    a.flag + c.flag + d.flag + o.flag + s.flag > 0
), told AS (
  SELECT
    t.audio,
    t.ctv,
    t.display,
    t.olv,
    t.social,
    t.people,
    t.impressions,
    CASE WHEN hidden.cell IS NULL THEN t.converters END AS converters,
    1 / CAST(t.people AS DOUBLE) AS each_one,
    CASE
      WHEN hidden.cell IS NULL
      THEN CAST(t.converters AS DOUBLE) / CAST(t.people AS DOUBLE)
    END AS rate
  FROM exposure_sets AS t
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_sets'
    AND hidden.cell = CAST(t.ctv AS TEXT) || '/' || CAST(t.olv AS TEXT) || '/' || CAST(t.display AS TEXT) || '/' || CAST(t.audio AS TEXT) || '/' || CAST(t.social AS TEXT)
  WHERE
    hidden.cell IS NULL OR hidden.reason = 'converters'
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  TRIM(
    CASE WHEN spine.audio = 1 THEN 'audio ' ELSE '' END || CASE WHEN spine.ctv = 1 THEN 'ctv ' ELSE '' END || CASE WHEN spine.display = 1 THEN 'display ' ELSE '' END || CASE WHEN spine.olv = 1 THEN 'olv ' ELSE '' END || CASE WHEN spine.social = 1 THEN 'social' ELSE '' END
  ) AS channels,
  spine.audio + spine.ctv + spine.display + spine.olv + spine.social AS channel_count,
  told.people,
  told.impressions,
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
  ON told.audio = spine.audio
  AND told.ctv = spine.ctv
  AND told.display = spine.display
  AND told.olv = spine.olv
  AND told.social = spine.social
ORDER BY
  told.people DESC,
  channels

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."channels",
  "segment_assets_numbered"."channel_count",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."impressions",
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
  ), "exposure_sets" AS (
    SELECT
      "ctv",
      "olv",
      "display",
      "audio",
      "social",
      "people",
      "impressions",
      "converters"
    FROM "lake"."exposure_sets"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH seen AS (
      SELECT
        flag
      FROM (VALUES
        (0),
        (1)) AS listed(flag)
    ), spine AS (
      SELECT
        a.flag AS audio,
        c.flag AS ctv,
        d.flag AS display,
        o.flag AS olv,
        s.flag AS social
      FROM seen AS a
      CROSS JOIN seen AS c
      CROSS JOIN seen AS d
      CROSS JOIN seen AS o
      CROSS JOIN seen AS s
      WHERE
        a.flag + c.flag + d.flag + o.flag + s.flag > 0
    ), told AS (
      SELECT
        t.audio,
        t.ctv,
        t.display,
        t.olv,
        t.social,
        t.people,
        t.impressions,
        CASE WHEN hidden.cell IS NULL THEN t.converters END AS converters,
        1 / CAST(t.people AS DOUBLE) AS each_one,
        CASE
          WHEN hidden.cell IS NULL
          THEN CAST(t.converters AS DOUBLE) / CAST(t.people AS DOUBLE)
        END AS rate
      FROM exposure_sets AS t
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'exposure_sets'
        AND hidden.cell = CAST(t.ctv AS VARCHAR) || '/' || CAST(t.olv AS VARCHAR) || '/' || CAST(t.display AS VARCHAR) || '/' || CAST(t.audio AS VARCHAR) || '/' || CAST(t.social AS VARCHAR)
      WHERE
        hidden.cell IS NULL OR hidden.reason = 'converters'
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      TRIM(
        CASE WHEN spine.audio = 1 THEN 'audio ' ELSE '' END || CASE WHEN spine.ctv = 1 THEN 'ctv ' ELSE '' END || CASE WHEN spine.display = 1 THEN 'display ' ELSE '' END || CASE WHEN spine.olv = 1 THEN 'olv ' ELSE '' END || CASE WHEN spine.social = 1 THEN 'social' ELSE '' END
      ) AS channels,
      spine.audio + spine.ctv + spine.display + spine.olv + spine.social AS channel_count,
      told.people,
      told.impressions,
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
      told.people AS "order_1"
    FROM spine
    LEFT JOIN told
      ON told.audio = spine.audio
      AND told.ctv = spine.ctv
      AND told.display = spine.display
      AND told.olv = spine.olv
      AND told.social = spine.social
  )
  SELECT
    "reporting_week",
    "channels",
    "channel_count",
    "people",
    "impressions",
    "converters",
    "conversion_rate",
    "rate_low",
    "rate_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1" DESC, "channels") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
