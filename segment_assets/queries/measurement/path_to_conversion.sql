-- Viewers of the week by the channels that they saw in order, and how many converted. The interval is Wilson's.
-- The room tells paths of too few people together as "(other)", so that no path is missing; it stands here also where
-- that was withheld. A path of complementary_cells is withheld because it would give away another one, or its converters
-- alone are.
WITH told AS (
  SELECT
    g.part_1
      || CASE WHEN g.part_2 IS NULL THEN '' ELSE ' > ' || g.part_2 END
      || CASE WHEN g.part_3 IS NULL THEN '' ELSE ' > ' || g.part_3 END
      || CASE WHEN g.part_4 IS NULL THEN '' ELSE ' > ' || g.part_4 END
      || CASE WHEN g.part_5 IS NULL THEN '' ELSE ' > ' || g.part_5 END AS path,
    1 + CASE WHEN g.part_2 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_3 IS NULL THEN 0 ELSE 1 END
      + CASE WHEN g.part_4 IS NULL THEN 0 ELSE 1 END + CASE WHEN g.part_5 IS NULL THEN 0 ELSE 1 END AS steps,
    CASE WHEN hidden.cell IS NULL OR hidden.reason = 'converters' THEN g.people END AS people,
    CASE WHEN hidden.cell IS NULL THEN g.conversions END AS converters
  FROM journey_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'journey_groups' AND hidden.kind = 'path'
    AND hidden.cell = COALESCE(g.part_1, '') || '/' || COALESCE(g.part_2, '') || '/' || COALESCE(g.part_3, '')
      || '/' || COALESCE(g.part_4, '') || '/' || COALESCE(g.part_5, '')
  WHERE g.kind = 'path'
),
spine AS (
  SELECT path FROM told
  UNION
  SELECT path FROM (VALUES ('(other)')) AS listed (path)
),
rated AS (
  SELECT
    spine.path,
    told.steps,
    told.people,
    told.converters,
    1 / CAST(told.people AS double) AS each_one,
    CAST(told.converters AS double) / CAST(told.people AS double) AS rate
  FROM spine
  LEFT JOIN told ON told.path = spine.path
)
SELECT
  :reporting_week AS reporting_week,
  rated.path,
  CASE WHEN rated.path <> '(other)' THEN rated.steps END AS steps,
  rated.people,
  rated.converters,
  CAST(rated.converters AS double) / NULLIF(everybody.conversions, 0) AS share_of_converters,
  rated.rate AS conversion_rate,
  (rated.rate + 1.9207 * rated.each_one
    - 1.96 * SQRT(rated.rate * (1 - rated.rate) * rated.each_one + 0.9604 * rated.each_one * rated.each_one))
    / CAST(1 + 3.8415 * rated.each_one AS double) AS rate_low,
  (rated.rate + 1.9207 * rated.each_one
    + 1.96 * SQRT(rated.rate * (1 - rated.rate) * rated.each_one + 0.9604 * rated.each_one * rated.each_one))
    / CAST(1 + 3.8415 * rated.each_one AS double) AS rate_high,
  (rated.people IS NULL) AS below_threshold
FROM rated
LEFT JOIN (SELECT MAX(conversions) AS conversions FROM journey_groups WHERE kind = 'all') AS everybody ON TRUE
ORDER BY rated.people DESC NULLS LAST, rated.path
