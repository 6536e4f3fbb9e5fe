-- How many customers saw how many impressions in the week, one row per frequency; 10 is ten and more.
-- A frequency without a result was withheld or met nobody: unknown, never 0. The interval of the rate is Wilson's.
-- A frequency of complementary_cells is withheld because it would give away another one, or its converters alone are.
-- A share tells the reach over all groups, and with it how many people are in the withheld ones: no share is told where
-- these are fewer than 100, the strictest minimum of the collaboration, or where as few customers were not reached.
WITH spine AS (
  SELECT frequency
  FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) AS listed (frequency)
),
told AS (
  SELECT
    frequency,
    people,
    impressions,
    CASE WHEN hidden.cell IS NULL THEN converters END AS converters,
    1 / CAST(people AS double) AS each_one,
    CASE WHEN hidden.cell IS NULL THEN CAST(converters AS double) / CAST(people AS double) END AS rate
  FROM exposure_frequency
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_frequency' AND hidden.cell = CAST(exposure_frequency.frequency AS varchar)
  WHERE hidden.cell IS NULL OR hidden.reason = 'converters'
)
SELECT
  :reporting_week AS reporting_week,
  spine.frequency,
  told.people,
  told.impressions,
  CAST(told.people AS double) / NULLIF(CAST(reach.exposed_customers AS double), 0) AS reach_share,
  told.converters,
  told.rate AS conversion_rate,
  (told.rate + 1.9207 * told.each_one
    - 1.96 * SQRT(told.rate * (1 - told.rate) * told.each_one + 0.9604 * told.each_one * told.each_one))
    / CAST(1 + 3.8415 * told.each_one AS double) AS rate_low,
  (told.rate + 1.9207 * told.each_one
    + 1.96 * SQRT(told.rate * (1 - told.rate) * told.each_one + 0.9604 * told.each_one * told.each_one))
    / CAST(1 + 3.8415 * told.each_one AS double) AS rate_high,
  (told.people IS NULL) AS below_threshold
FROM spine
LEFT JOIN told ON told.frequency = spine.frequency
CROSS JOIN (SELECT COALESCE(SUM(people), 0) AS people FROM told) AS sums
CROSS JOIN (SELECT COUNT(DISTINCT email_sha256) AS customers FROM customers) AS base
LEFT JOIN (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS reach
  ON base.customers - reach.exposed_customers >= 100
  AND (reach.exposed_customers - sums.people <= 0 OR reach.exposed_customers - sums.people >= 100)
ORDER BY spine.frequency
