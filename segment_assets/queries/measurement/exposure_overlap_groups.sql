-- Customers by exactly the channels that they saw in the week, one row for every set of channels that there can be.
-- A set without a result was withheld or met nobody: unknown, never 0. A set of complementary_cells is withheld because
-- it would give away another one, or its converters alone are. The interval of the rate is Wilson's.
WITH seen AS (
  SELECT flag FROM (VALUES (0), (1)) AS listed (flag)
),
spine AS (
  SELECT a.flag AS audio, c.flag AS ctv, d.flag AS display, o.flag AS olv, s.flag AS social
  FROM seen AS a
  CROSS JOIN seen AS c
  CROSS JOIN seen AS d
  CROSS JOIN seen AS o
  CROSS JOIN seen AS s
  WHERE a.flag + c.flag + d.flag + o.flag + s.flag > 0
),
told AS (
  SELECT
    t.audio, t.ctv, t.display, t.olv, t.social, t.people, t.impressions,
    CASE WHEN hidden.cell IS NULL THEN t.converters END AS converters,
    1 / CAST(t.people AS double) AS each_one,
    CASE WHEN hidden.cell IS NULL THEN CAST(t.converters AS double) / CAST(t.people AS double) END AS rate
  FROM exposure_sets AS t
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_sets'
    AND hidden.cell = CAST(t.ctv AS varchar) || '/' || CAST(t.olv AS varchar)
      || '/' || CAST(t.display AS varchar) || '/' || CAST(t.audio AS varchar) || '/' || CAST(t.social AS varchar)
  WHERE hidden.cell IS NULL OR hidden.reason = 'converters'
)
SELECT
  :reporting_week AS reporting_week,
  TRIM(
    CASE WHEN spine.audio = 1 THEN 'audio ' ELSE '' END
    || CASE WHEN spine.ctv = 1 THEN 'ctv ' ELSE '' END
    || CASE WHEN spine.display = 1 THEN 'display ' ELSE '' END
    || CASE WHEN spine.olv = 1 THEN 'olv ' ELSE '' END
    || CASE WHEN spine.social = 1 THEN 'social' ELSE '' END
  ) AS channels,
  spine.audio + spine.ctv + spine.display + spine.olv + spine.social AS channel_count,
  told.people,
  told.impressions,
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
LEFT JOIN told
  ON told.audio = spine.audio AND told.ctv = spine.ctv AND told.display = spine.display AND told.olv = spine.olv
  AND told.social = spine.social
ORDER BY told.people DESC NULLS LAST, channels
