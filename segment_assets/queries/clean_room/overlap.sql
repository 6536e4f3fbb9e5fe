-- People of account A who converted on or after the day they saw an impression of account B.
-- The week is [week_start, week_end). Join key: SHA-256 of the normalised e-mail.
SELECT
  COUNT(DISTINCT c.email_sha256) AS matched_converters
FROM conversions AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE c.date >= i.date
  AND c.date >= :week_start
  AND c.date < :week_end
  AND i.date >= :week_start
  AND i.date < :week_end
