-- Viewers, impressions and conversions by one dimension at a time. The interval is Wilson's.
-- Hours and devices are known beforehand: one without a result was withheld or met nobody, unknown and never 0. Which
-- countries and regions there are is only known from the result.
WITH told AS (
  SELECT
    g.kind AS dimension,
    CASE
      WHEN g.kind = 'region' THEN COALESCE(g.part_1, '(none)') || '-' || COALESCE(g.part_2, '(none)')
      ELSE COALESCE(g.part_1, '(none)')
    END AS dimension_value,
    CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
    CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.impressions END AS impressions,
    CASE WHEN hidden.cell IS NULL THEN g.converters END AS converters
  FROM viewer_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'viewer_groups' AND hidden.kind = g.kind
    AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '')
  WHERE g.kind IN ('country', 'region', 'hour', 'device')
),
known AS (
  SELECT 'device' AS dimension, name AS dimension_value
  FROM (VALUES ('ctv'), ('desktop'), ('mobile'), ('tablet')) AS devices (name)
  UNION
  SELECT 'hour' AS dimension, name AS dimension_value
  FROM (VALUES ('0'), ('1'), ('2'), ('3'), ('4'), ('5'), ('6'), ('7'), ('8'), ('9'), ('10'), ('11'), ('12'), ('13'),
    ('14'), ('15'), ('16'), ('17'), ('18'), ('19'), ('20'), ('21'), ('22'), ('23')) AS hours (name)
  UNION
  SELECT dimension, dimension_value FROM told
),
rated AS (
  SELECT
    known.dimension,
    known.dimension_value,
    told.people,
    told.impressions,
    told.converters,
    1 / CAST(told.people AS double) AS each_one,
    CAST(told.converters AS double) / CAST(told.people AS double) AS rate
  FROM known
  LEFT JOIN told ON told.dimension = known.dimension AND told.dimension_value = known.dimension_value
)
SELECT
  :reporting_week AS reporting_week,
  rated.dimension,
  rated.dimension_value,
  rated.people,
  rated.impressions,
  CAST(rated.impressions AS double) / CAST(rated.people AS double) AS average_frequency,
  rated.converters,
  rated.rate AS conversion_rate,
  (rated.rate + 1.9207 * rated.each_one
    - 1.96 * SQRT(rated.rate * (1 - rated.rate) * rated.each_one + 0.9604 * rated.each_one * rated.each_one))
    / CAST(1 + 3.8415 * rated.each_one AS double) AS rate_low,
  (rated.rate + 1.9207 * rated.each_one
    + 1.96 * SQRT(rated.rate * (1 - rated.rate) * rated.each_one + 0.9604 * rated.each_one * rated.each_one))
    / CAST(1 + 3.8415 * rated.each_one AS double) AS rate_high,
  (rated.people IS NULL) AS below_threshold
FROM rated
ORDER BY rated.dimension, rated.people DESC NULLS LAST, rated.dimension_value
