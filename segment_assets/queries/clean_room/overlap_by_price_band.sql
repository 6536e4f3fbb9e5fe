-- Matched converters by stored band of order value: a raw price would make groups of one.
SELECT
  c.price_band AS price_band,
  COUNT(DISTINCT c.email_sha256) AS matched_converters
FROM conversions AS c
INNER JOIN impressions AS i
  ON i.email_sha256 = c.email_sha256
WHERE c.date >= i.date
  AND c.date >= :week_start
  AND c.date < :week_end
  AND i.date >= :week_start
  AND i.date < :week_end
GROUP BY c.price_band
ORDER BY price_band DESC
