-- duckdb
WITH buyer AS (
  SELECT
    o.email_sha256 AS email_sha256,
    MAX(o.event_time) AS converted_at
  FROM conversions_journeys AS o
  WHERE
    o.date >= CAST('2026-10-05' AS DATE) AND o.date < CAST('2026-10-05' AS DATE)
  GROUP BY
    o.email_sha256
), seen AS (
  SELECT
    i.email_sha256 AS email_sha256,
    i.channel AS channel,
    i.event_time AS seen_at,
    i.impression_id AS impression_id,
    CASE
      WHEN b.converted_at > MIN(i.event_time) OVER (PARTITION BY i.email_sha256)
      THEN b.converted_at
    END AS converted_at
  FROM impressions_journeys AS i
  LEFT JOIN buyer AS b
    ON b.email_sha256 = i.email_sha256
  WHERE
    i.date >= CAST('2026-10-05' AS DATE) AND i.date < CAST('2026-10-05' AS DATE)
), touch AS (
  SELECT
    s.email_sha256 AS email_sha256,
    s.channel AS channel,
    CASE WHEN s.converted_at IS NULL THEN 0 ELSE 1 END AS converted,
    LAG(s.channel) OVER (
      PARTITION BY s.email_sha256
      ORDER BY s.seen_at NULLS FIRST, s.impression_id NULLS FIRST
    ) AS channel_before,
    LEAD(s.channel) OVER (
      PARTITION BY s.email_sha256
      ORDER BY s.seen_at NULLS FIRST, s.impression_id NULLS FIRST
    ) AS channel_after
  FROM seen AS s
  WHERE
    s.converted_at IS NULL OR s.seen_at < s.converted_at
)
SELECT
  t.channel_before AS channel_before,
  t.channel AS channel,
  COUNT(DISTINCT t.email_sha256) AS people,
  COUNT(t.email_sha256) AS steps,
  SUM(CASE WHEN t.channel_after IS NULL THEN t.converted ELSE 0 END) AS conversions,
  COUNT(CASE WHEN t.channel_after IS NULL THEN t.email_sha256 END) - SUM(CASE WHEN t.channel_after IS NULL THEN t.converted ELSE 0 END) AS ends_without
FROM touch AS t
GROUP BY
  t.channel_before,
  t.channel
