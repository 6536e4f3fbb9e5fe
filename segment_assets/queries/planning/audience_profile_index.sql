-- Which attribute values are more common among matched converters than in account A's own base: 100 is "as common".
-- The interval is that of a log ratio with the base taken as known: share * exp(+-1.96 * sqrt((1 - share) / people)).
-- 100 is the strictest minimum of the collaboration: where fewer than 100 people of a value are left unmatched, the
-- result would tell about those few, so it is withheld here too. So are the smallest other values, as long as what the
-- told ones leave of all matched converters is one value of the base, or fewer than 100 people, 200 with a told one.
-- Shares tell how many all of them are: there are none where audience_overlap withholds that.
WITH base AS (
  SELECT birth_country AS attribute_value, COUNT(DISTINCT email_sha256) AS base_people
  FROM customers
  WHERE birth_country IS NOT NULL
  GROUP BY birth_country
),
totals AS (
  SELECT
    base_total.people AS base_total,
    matched_total.people AS every_match,
    CASE
      WHEN reach.people IS NULL OR reach.people - matched_total.people >= 100 THEN matched_total.people
    END AS matched_total
  FROM (SELECT COUNT(DISTINCT email_sha256) AS people FROM customers) AS base_total
  CROSS JOIN (SELECT MAX(matched_customers) AS people FROM matched_customers) AS matched_total
  CROSS JOIN (SELECT MAX(exposed_customers) AS people FROM customer_reach) AS reach
),
guarded AS (
  SELECT
    base.attribute_value,
    base.base_people,
    CASE
      WHEN base.base_people - told.matched_converters >= 100 THEN told.matched_converters
    END AS matched_converters
  FROM base
  LEFT JOIN audience_by_birth_country AS told ON told.birth_country = base.attribute_value
),
ranked AS (
  SELECT
    attribute_value,
    base_people,
    matched_converters,
    ROW_NUMBER() OVER (ORDER BY matched_converters NULLS LAST, attribute_value) AS place,
    COALESCE(SUM(matched_converters) OVER (
      ORDER BY matched_converters NULLS LAST, attribute_value ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS smaller
  FROM guarded
),
remainder AS (
  SELECT totals.every_match - COALESCE(sums.people, 0) AS people, sums.withheld AS withheld
  FROM totals
  CROSS JOIN (
    SELECT
      SUM(matched_converters) AS people,
      COUNT(CASE WHEN matched_converters IS NULL AND base_people > 99 THEN attribute_value END) AS withheld
    FROM guarded
  ) AS sums
),
cells AS (
  SELECT
    ranked.attribute_value,
    ranked.base_people,
    CASE
      WHEN remainder.people > 0 AND (
        remainder.withheld + ranked.place < 3
        OR remainder.people + ranked.smaller < CASE WHEN ranked.place = 1 THEN 100 ELSE 200 END
      ) THEN NULL
      ELSE ranked.matched_converters
    END AS matched_converters
  FROM ranked
  CROSS JOIN remainder
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
