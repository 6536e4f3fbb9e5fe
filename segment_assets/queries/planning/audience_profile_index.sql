-- Which attribute values are more common among matched converters than in account A's own base: 100 is "as common".
-- The interval is that of a log ratio with the base taken as known: share * exp(+-1.96 * sqrt((1 - share) / people)).
-- 100 is the strictest minimum of the collaboration: where fewer than 100 people of a value are left unmatched, the
-- result would tell about those few, so it is withheld here too.
WITH base AS (
  SELECT birth_country AS attribute_value, COUNT(DISTINCT email_sha256) AS base_people
  FROM customers
  WHERE birth_country IS NOT NULL
  GROUP BY birth_country
),
totals AS (
  SELECT base_total.people AS base_total, matched_total.people AS matched_total
  FROM (SELECT COUNT(DISTINCT email_sha256) AS people FROM customers) AS base_total
  CROSS JOIN (SELECT MAX(matched_customers) AS people FROM matched_customers) AS matched_total
),
cells AS (
  SELECT
    base.attribute_value,
    base.base_people,
    CASE
      WHEN base.base_people - told.matched_converters >= 100 THEN told.matched_converters
    END AS matched_converters
  FROM base
  LEFT JOIN audience_by_birth_country AS told ON told.birth_country = base.attribute_value
),
shares AS (
  SELECT
    cells.attribute_value,
    cells.base_people,
    cells.matched_converters,
    CAST(cells.base_people AS double) / NULLIF(totals.base_total, 0) AS base_share,
    CAST(cells.matched_converters AS double) / NULLIF(totals.matched_total, 0) AS matched_share
  FROM cells
  CROSS JOIN totals
)
SELECT
  :reporting_week AS reporting_week,
  'birth_country' AS attribute,
  attribute_value,
  base_people,
  base_share,
  matched_converters,
  matched_share,
  matched_share / NULLIF(base_share, 0) * 100 AS affinity_index,
  matched_share / NULLIF(base_share, 0) * 100
    * EXP(-1.96 * SQRT((1 - matched_share) / CAST(matched_converters AS double))) AS index_low,
  matched_share / NULLIF(base_share, 0) * 100
    * EXP(1.96 * SQRT((1 - matched_share) / CAST(matched_converters AS double))) AS index_high,
  (matched_converters IS NULL) AS below_threshold
FROM shares
ORDER BY base_people DESC, attribute_value
