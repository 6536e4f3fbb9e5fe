-- duckdb
WITH bands AS (
  SELECT
    price_band,
    band_number
  FROM (VALUES
    ('0-25', 1),
    ('25-50', 2),
    ('50-100', 3),
    ('100-250', 4),
    ('250+', 5),
    ('without price', 6)) AS listed(price_band, band_number)
), own AS (
  SELECT
    COALESCE(price_band, 'without price') AS price_band,
    COUNT(DISTINCT email_sha256) AS converters
  FROM conversions
  GROUP BY
    COALESCE(price_band, 'without price')
), told AS (
  SELECT
    COALESCE(price_band, 'without price') AS price_band,
    MAX(matched_converters) AS matched_converters
  FROM overlap_by_price_band
  GROUP BY
    COALESCE(price_band, 'without price')
), every_band AS (
  SELECT
    price_band
  FROM bands
  UNION
  SELECT
    price_band
  FROM own
), guarded AS (
  SELECT
    every_band.price_band,
    COALESCE(bands.band_number, 99) AS band_number,
    COALESCE(own.converters, 0) AS converters,
    CASE
      WHEN own.converters - told.matched_converters >= 100
      THEN told.matched_converters
    END AS matched_converters
  FROM every_band
  LEFT JOIN bands
    ON bands.price_band = every_band.price_band
  LEFT JOIN own
    ON own.price_band = every_band.price_band
  LEFT JOIN told
    ON told.price_band = every_band.price_band
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  price_band,
  band_number,
  converters,
  matched_converters,
  CAST(matched_converters AS DOUBLE) / NULLIF(converters, 0) AS matched_share,
  (
    matched_converters IS NULL
  ) AS below_threshold
FROM guarded
ORDER BY
  band_number,
  price_band

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."price_band",
  "segment_assets_numbered"."band_number",
  "segment_assets_numbered"."converters",
  "segment_assets_numbered"."matched_converters",
  "segment_assets_numbered"."matched_share",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "conversions" AS (
    SELECT
      "email_sha256",
      "price_band"
    FROM "account_a"."conversions"
    WHERE
      "week" IN ('2026-10-05')
  ), "overlap_by_price_band" AS (
    SELECT
      "price_band",
      "matched_converters"
    FROM "lake"."overlap_by_price_band"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH bands AS (
      SELECT
        price_band,
        band_number
      FROM (VALUES
        ('0-25', 1),
        ('25-50', 2),
        ('50-100', 3),
        ('100-250', 4),
        ('250+', 5),
        ('without price', 6)) AS listed(price_band, band_number)
    ), own AS (
      SELECT
        COALESCE(price_band, 'without price') AS price_band,
        COUNT(DISTINCT email_sha256) AS converters
      FROM conversions
      GROUP BY
        COALESCE(price_band, 'without price')
    ), told AS (
      SELECT
        COALESCE(price_band, 'without price') AS price_band,
        MAX(matched_converters) AS matched_converters
      FROM overlap_by_price_band
      GROUP BY
        COALESCE(price_band, 'without price')
    ), every_band AS (
      SELECT
        price_band
      FROM bands
      UNION
      SELECT
        price_band
      FROM own
    ), guarded AS (
      SELECT
        every_band.price_band,
        COALESCE(bands.band_number, 99) AS band_number,
        COALESCE(own.converters, 0) AS converters,
        CASE
          WHEN own.converters - told.matched_converters >= 100
          THEN told.matched_converters
        END AS matched_converters
      FROM every_band
      LEFT JOIN bands
        ON bands.price_band = every_band.price_band
      LEFT JOIN own
        ON own.price_band = every_band.price_band
      LEFT JOIN told
        ON told.price_band = every_band.price_band
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      price_band,
      band_number,
      converters,
      matched_converters,
      CAST(matched_converters AS DOUBLE) / NULLIF(converters, 0) AS matched_share,
      (
        matched_converters IS NULL
      ) AS below_threshold
    FROM guarded
  )
  SELECT
    "reporting_week",
    "price_band",
    "band_number",
    "converters",
    "matched_converters",
    "matched_share",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "band_number", "price_band") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
