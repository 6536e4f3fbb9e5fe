-- How much of account B's inventory names the viewer, and how much of that a customer of account A, by channel and day.
-- A day without a result was withheld or had no impression: unknown, never 0.
WITH spine AS (
  SELECT listed.channel, days.day
  FROM (VALUES ('(all)'), ('audio'), ('ctv'), ('display'), ('olv'), ('social')) AS listed (channel)
  CROSS JOIN (
    SELECT :reporting_week AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '1' DAY AS date) AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '2' DAY AS date) AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '3' DAY AS date) AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '4' DAY AS date) AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '5' DAY AS date) AS day
    UNION ALL SELECT CAST(:reporting_week + INTERVAL '6' DAY AS date) AS day
  ) AS days
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
LEFT JOIN inventory_days AS told ON told.channel = spine.channel AND told.day = spine.day
ORDER BY spine.channel, spine.day
