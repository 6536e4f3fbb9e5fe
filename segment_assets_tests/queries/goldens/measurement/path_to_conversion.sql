-- duckdb
WITH told AS (
  SELECT
    g.part_1 || CASE WHEN g.part_2 IS NULL THEN '' ELSE ' > ' || g.part_2 END || CASE WHEN g.part_3 IS NULL THEN '' ELSE ' > ' || g.part_3 END || CASE WHEN g.part_4 IS NULL THEN '' ELSE ' > ' || g.part_4 END || CASE WHEN g.part_5 IS NULL THEN '' ELSE ' > ' || g.part_5 END AS path,
    1 + CASE WHEN g.part_2 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_3 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_4 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_5 IS NULL THEN 0 ELSE 1 END AS steps,
    CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
    CASE WHEN hidden.cell IS NULL THEN g.conversions END AS converters
  FROM journey_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'journey_groups'
    AND hidden.kind = 'path'
    AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '') || '/' || COALESCE(g.part_3, '') || '/' || COALESCE(g.part_4, '') || '/' || COALESCE(g.part_5, '')
  WHERE
    g.kind = 'path'
), spine AS (
  SELECT
    path
  FROM told
  UNION
  SELECT
    path
  FROM (VALUES
    ('(other)')) AS listed(path)
), rated AS (
  SELECT
    spine.path,
    told.steps,
    told.people,
    told.converters,
    1 / CAST(told.people AS DOUBLE) AS each_one,
    CAST(told.converters AS DOUBLE) / CAST(told.people AS DOUBLE) AS rate
  FROM spine
  LEFT JOIN told
    ON told.path = spine.path
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  rated.path,
  CASE WHEN rated.path <> '(other)' THEN rated.steps END AS steps,
  rated.people,
  rated.converters,
  CAST(rated.converters AS DOUBLE) / NULLIF(everybody.conversions, 0) AS share_of_converters,
  rated.rate AS conversion_rate,
  (
    rated.rate + 1.9207 * rated.each_one - 1.96 * SQRT(
      rated.rate * (
        1 - rated.rate
      ) * rated.each_one + 0.9604 * rated.each_one * rated.each_one
    )
  ) / CAST(1 + 3.8415 * rated.each_one AS DOUBLE) AS rate_low,
  (
    rated.rate + 1.9207 * rated.each_one + 1.96 * SQRT(
      rated.rate * (
        1 - rated.rate
      ) * rated.each_one + 0.9604 * rated.each_one * rated.each_one
    )
  ) / CAST(1 + 3.8415 * rated.each_one AS DOUBLE) AS rate_high,
  (
    rated.people IS NULL
  ) AS below_threshold
FROM rated
LEFT JOIN (
  SELECT
    MAX(conversions) AS conversions
  FROM journey_groups
  WHERE
    kind = 'all'
) AS everybody
  ON TRUE
ORDER BY
  rated.people DESC,
  rated.path

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."path",
  "segment_assets_numbered"."steps",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."converters",
  "segment_assets_numbered"."share_of_converters",
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
      "kind",
      "cell",
      "reason"
    FROM "lake"."complementary_cells"
    WHERE
      "partition" IN ('2026-10-05')
  ), "journey_groups" AS (
    SELECT
      "kind",
      "part_1",
      "part_2",
      "part_3",
      "part_4",
      "part_5",
      "people",
      "conversions"
    FROM "lake"."journey_groups"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH told AS (
      SELECT
        g.part_1 || CASE WHEN g.part_2 IS NULL THEN '' ELSE ' > ' || g.part_2 END || CASE WHEN g.part_3 IS NULL THEN '' ELSE ' > ' || g.part_3 END || CASE WHEN g.part_4 IS NULL THEN '' ELSE ' > ' || g.part_4 END || CASE WHEN g.part_5 IS NULL THEN '' ELSE ' > ' || g.part_5 END AS path,
        1 + CASE WHEN g.part_2 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_3 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_4 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_5 IS NULL THEN 0 ELSE 1 END AS steps,
        CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
        CASE WHEN hidden.cell IS NULL THEN g.conversions END AS converters
      FROM journey_groups AS g
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'journey_groups'
        AND hidden.kind = 'path'
        AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '') || '/' || COALESCE(g.part_3, '') || '/' || COALESCE(g.part_4, '') || '/' || COALESCE(g.part_5, '')
      WHERE
        g.kind = 'path'
    ), spine AS (
      SELECT
        path
      FROM told
      UNION
      SELECT
        path
      FROM (VALUES
        ('(other)')) AS listed(path)
    ), rated AS (
      SELECT
        spine.path,
        told.steps,
        told.people,
        told.converters,
        1 / CAST(told.people AS DOUBLE) AS each_one,
        CAST(told.converters AS DOUBLE) / CAST(told.people AS DOUBLE) AS rate
      FROM spine
      LEFT JOIN told
        ON told.path = spine.path
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      rated.path,
      CASE WHEN rated.path <> '(other)' THEN rated.steps END AS steps,
      rated.people,
      rated.converters,
      CAST(rated.converters AS DOUBLE) / NULLIF(everybody.conversions, 0) AS share_of_converters,
      rated.rate AS conversion_rate,
      (
        rated.rate + 1.9207 * rated.each_one - 1.96 * SQRT(
          rated.rate * (
            1 - rated.rate
          ) * rated.each_one + 0.9604 * rated.each_one * rated.each_one
        )
      ) / CAST(1 + 3.8415 * rated.each_one AS DOUBLE) AS rate_low,
      (
        rated.rate + 1.9207 * rated.each_one + 1.96 * SQRT(
          rated.rate * (
            1 - rated.rate
          ) * rated.each_one + 0.9604 * rated.each_one * rated.each_one
        )
      ) / CAST(1 + 3.8415 * rated.each_one AS DOUBLE) AS rate_high,
      (
        rated.people IS NULL
      ) AS below_threshold,
      rated.people AS "order_1",
      rated.path AS "order_2"
    FROM rated
    LEFT JOIN (
      SELECT
        MAX(conversions) AS conversions
      FROM journey_groups
      WHERE
        kind = 'all'
    ) AS everybody
      ON TRUE
  )
  SELECT
    "reporting_week",
    "path",
    "steps",
    "people",
    "converters",
    "share_of_converters",
    "conversion_rate",
    "rate_low",
    "rate_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1" DESC, "order_2") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
