-- How much of account B's inventory names the viewer, and how much of that a customer of account A, by channel and day.
-- A day without a result was withheld or had no impression: unknown, never 0. A day of complementary_cells is withheld
-- because it would give away that of another channel.
WITH spine AS (
  SELECT listed.channel, days.day, listed.channel || '/' || days.number AS cell
  FROM (VALUES ('(all)'), ('audio'), ('ctv'), ('display'), ('olv'), ('social')) AS listed (channel)
  CROSS JOIN (
    SELECT :reporting_week AS day, '0' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '1' DAY AS date) AS day, '1' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '2' DAY AS date) AS day, '2' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '3' DAY AS date) AS day, '3' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '4' DAY AS date) AS day, '4' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '5' DAY AS date) AS day, '5' AS number
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '6' DAY AS date) AS day, '6' AS number
  ) AS days
),
shown AS (
  SELECT spine.channel, spine.day
  FROM spine
  LEFT JOIN complementary_cells AS hidden ON hidden.source = 'inventory_days' AND hidden.cell = spine.cell
  WHERE hidden.cell IS NULL
)
SELECT
  :reporting_week AS reporting_week,
  spine.channel,
  spine.day,
  told.impressions,
  told.addressable_impressions,
  told.matched_impressions,
  CAST(told.addressable_impressions AS double) / NULLIF(told.impressions, 0) AS addressable_rate,
  CAST(told.matched_impressions AS double) / NULLIF(told.addressable_impressions, 0) AS match_rate,
  (told.impressions IS NULL) AS below_threshold
FROM spine
LEFT JOIN shown ON shown.channel = spine.channel AND shown.day = spine.day
LEFT JOIN inventory_days AS told ON told.channel = shown.channel AND told.day = shown.day
ORDER BY spine.channel, spine.day
