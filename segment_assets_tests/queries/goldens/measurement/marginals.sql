-- duckdb
WITH told AS (
  SELECT
    g.kind AS dimension,
    CASE
      WHEN g.kind = 'region'
      THEN COALESCE(g.part_1, '(none)') || '-' || COALESCE(g.part_2, '(none)')
      ELSE COALESCE(g.part_1, '(none)')
    END AS dimension_value,
    CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
    CASE
      WHEN hidden.cell IS NULL OR hidden.reason = 'converters'
      THEN g.impressions
    END AS impressions,
    CASE WHEN hidden.cell IS NULL THEN g.converters END AS converters
  FROM viewer_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'viewer_groups'
    AND hidden.kind = g.kind
    AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '')
  WHERE
    g.kind IN ('country', 'region', 'hour', 'device')
), known AS (
  SELECT
    'device' AS dimension,
    name AS dimension_value
  FROM (VALUES
    ('ctv'),
    ('desktop'),
    ('mobile'),
    ('tablet')) AS devices(name)
  UNION
  SELECT
    'hour' AS dimension,
    name AS dimension_value
  FROM (VALUES
    ('0'),
    ('1'),
    ('2'),
    ('3'),
    ('4'),
    ('5'),
    ('6'),
    ('7'),
    ('8'),
    ('9'),
    ('10'),
    ('11'),
    ('12'),
    ('13'),
    ('14'),
    ('15'),
    ('16'),
    ('17'),
    ('18'),
    ('19'),
    ('20'),
    ('21'),
    ('22'),
    ('23')) AS hours(name)
  UNION
  SELECT
    dimension,
    dimension_value
  FROM told
), rated AS (
  SELECT
    known.dimension,
    known.dimension_value,
    told.people,
    told.impressions,
    told.converters,
    1 / CAST(told.people AS DOUBLE) AS each_one,
    CAST(told.converters AS DOUBLE) / CAST(told.people AS DOUBLE) AS rate
  FROM known
  LEFT JOIN told
    ON told.dimension = known.dimension AND told.dimension_value = known.dimension_value
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  rated.dimension,
  rated.dimension_value,
  rated.people,
  rated.impressions,
  CAST(rated.impressions AS DOUBLE) / CAST(rated.people AS DOUBLE) AS average_frequency,
  rated.converters,
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
ORDER BY
  rated.dimension,
  rated.people DESC,
  rated.dimension_value

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."dimension",
  "segment_assets_numbered"."dimension_value",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."impressions",
  "segment_assets_numbered"."average_frequency",
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
      "kind",
      "cell",
      "reason"
    FROM "lake"."complementary_cells"
    WHERE
      "partition" IN ('2026-10-05')
  ), "viewer_groups" AS (
    SELECT
      "kind",
      "part_1",
      "part_2",
      "people",
      "impressions",
      "converters"
    FROM "lake"."viewer_groups"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH told AS (
      SELECT
        g.kind AS dimension,
        CASE
          WHEN g.kind = 'region'
          THEN COALESCE(g.part_1, '(none)') || '-' || COALESCE(g.part_2, '(none)')
          ELSE COALESCE(g.part_1, '(none)')
        END AS dimension_value,
        CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
        CASE
          WHEN hidden.cell IS NULL OR hidden.reason = 'converters'
          THEN g.impressions
        END AS impressions,
        CASE WHEN hidden.cell IS NULL THEN g.converters END AS converters
      FROM viewer_groups AS g
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'viewer_groups'
        AND hidden.kind = g.kind
        AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '')
      WHERE
        g.kind IN ('country', 'region', 'hour', 'device')
    ), known AS (
      SELECT
        'device' AS dimension,
        name AS dimension_value
      FROM (VALUES
        ('ctv'),
        ('desktop'),
        ('mobile'),
        ('tablet')) AS devices(name)
      UNION
      SELECT
        'hour' AS dimension,
        name AS dimension_value
      FROM (VALUES
        ('0'),
        ('1'),
        ('2'),
        ('3'),
        ('4'),
        ('5'),
        ('6'),
        ('7'),
        ('8'),
        ('9'),
        ('10'),
        ('11'),
        ('12'),
        ('13'),
        ('14'),
        ('15'),
        ('16'),
        ('17'),
        ('18'),
        ('19'),
        ('20'),
        ('21'),
        ('22'),
        ('23')) AS hours(name)
      UNION
      SELECT
        dimension,
        dimension_value
      FROM told
    ), rated AS (
      SELECT
        known.dimension,
        known.dimension_value,
        told.people,
        told.impressions,
        told.converters,
        1 / CAST(told.people AS DOUBLE) AS each_one,
        CAST(told.converters AS DOUBLE) / CAST(told.people AS DOUBLE) AS rate
      FROM known
      LEFT JOIN told
        ON told.dimension = known.dimension AND told.dimension_value = known.dimension_value
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      rated.dimension,
      rated.dimension_value,
      rated.people,
      rated.impressions,
      CAST(rated.impressions AS DOUBLE) / CAST(rated.people AS DOUBLE) AS average_frequency,
      rated.converters,
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
      rated.dimension AS "order_1",
      rated.people AS "order_2",
      rated.dimension_value AS "order_3"
    FROM rated
  )
  SELECT
    "reporting_week",
    "dimension",
    "dimension_value",
    "people",
    "impressions",
    "average_frequency",
    "converters",
    "conversion_rate",
    "rate_low",
    "rate_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1", "order_2" DESC, "order_3") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
