-- How many of the week's buyers in every band of order value had seen an impression before.
-- 100 is the strictest minimum of the collaboration: where fewer than 100 buyers of a band are left unmatched, the
-- result would tell about those few, so it is withheld here too.
WITH bands AS (
  SELECT price_band, band_number
  FROM (VALUES ('0-25', 1), ('25-50', 2), ('50-100', 3), ('100-250', 4), ('250+', 5), ('without price', 6))
    AS listed (price_band, band_number)
),
own AS (
  SELECT COALESCE(price_band, 'without price') AS price_band, COUNT(DISTINCT email_sha256) AS converters
  FROM conversions
  GROUP BY COALESCE(price_band, 'without price')
),
told AS (
  SELECT COALESCE(price_band, 'without price') AS price_band, MAX(matched_converters) AS matched_converters
  FROM overlap_by_price_band
  GROUP BY COALESCE(price_band, 'without price')
),
every_band AS (
  SELECT price_band FROM bands
  UNION
  SELECT price_band FROM own
),
guarded AS (
  SELECT
    every_band.price_band,
    COALESCE(bands.band_number, 99) AS band_number,
    COALESCE(own.converters, 0) AS converters,
    CASE
      WHEN own.converters - told.matched_converters >= 100 THEN told.matched_converters
    END AS matched_converters
  FROM every_band
  LEFT JOIN bands ON bands.price_band = every_band.price_band
  LEFT JOIN own ON own.price_band = every_band.price_band
  LEFT JOIN told ON told.price_band = every_band.price_band
)
SELECT
  :reporting_week AS reporting_week,
  price_band,
  band_number,
  converters,
  matched_converters,
  CAST(matched_converters AS double) / NULLIF(converters, 0) AS matched_share,
  (matched_converters IS NULL) AS below_threshold
FROM guarded
ORDER BY band_number, price_band
