-- The share of acknowledged people whom each platform says it matched, by day: the last answer of the day.
-- A platform that hides small sizes leaves both ends empty: unknown, never 0.
WITH answers AS (
  SELECT
    destination, account, segment, state, acknowledged, size_lower, size_upper,
    CAST(asked_at AS date) AS asked_on,
    ROW_NUMBER() OVER (
      PARTITION BY destination, account, segment, CAST(asked_at AS date) ORDER BY asked_at DESC
    ) AS newest
  FROM audience_sizes
),
rates AS (
  SELECT
    destination, account, segment, asked_on, state, acknowledged,
    size_lower AS size_low,
    size_upper AS size_high,
    CAST(size_lower AS double) / NULLIF(acknowledged, 0) AS match_rate_low,
    CAST(size_upper AS double) / NULLIF(acknowledged, 0) AS match_rate_high
  FROM answers
  WHERE newest = 1
)
SELECT
  destination, account, segment, asked_on, state, acknowledged, size_low, size_high, match_rate_low, match_rate_high,
  match_rate_low - LAG(match_rate_low) OVER (
    PARTITION BY destination, account, segment ORDER BY asked_on
  ) AS change_low
FROM rates
ORDER BY destination, account, segment, asked_on
