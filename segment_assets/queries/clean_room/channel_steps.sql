-- Journeys: steps from channel to channel and how journeys ended: what a Markov chain of the week is made of.
-- A journey ends at the person's last order of the week, or with the last impression. No channel before: its beginning.
-- Impressions without an e-mail are no journey of one giant person: counting e-mails leaves them out everywhere.
WITH buyer AS (
  SELECT o.email_sha256 AS email_sha256, MAX(o.event_time) AS converted_at
  FROM conversions_journeys AS o
  WHERE o.date >= :week_start AND o.date < :week_end
  GROUP BY o.email_sha256
),
touch AS (
  SELECT
    i.email_sha256 AS email_sha256,
    i.channel AS channel,
    CASE WHEN b.converted_at IS NULL THEN 0 ELSE 1 END AS converted,
    LAG(i.channel) OVER (PARTITION BY i.email_sha256 ORDER BY i.event_time, i.impression_id) AS channel_before,
    LEAD(i.channel) OVER (PARTITION BY i.email_sha256 ORDER BY i.event_time, i.impression_id) AS channel_after
  FROM impressions_journeys AS i
  LEFT JOIN buyer AS b ON b.email_sha256 = i.email_sha256
  WHERE (b.converted_at IS NULL OR i.event_time < b.converted_at)
    AND i.date >= :week_start AND i.date < :week_end
)
SELECT
  t.channel_before AS channel_before,
  t.channel AS channel,
  COUNT(DISTINCT t.email_sha256) AS people,
  COUNT(t.email_sha256) AS steps,
  SUM(CASE WHEN t.channel_after IS NULL THEN t.converted ELSE 0 END) AS conversions,
  COUNT(CASE WHEN t.channel_after IS NULL THEN t.email_sha256 END)
    - SUM(CASE WHEN t.channel_after IS NULL THEN t.converted ELSE 0 END) AS ends_without
FROM touch AS t
GROUP BY t.channel_before, t.channel
