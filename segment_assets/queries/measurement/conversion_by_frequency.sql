-- How many of those who saw so many impressions converted, one row per frequency; 10 is ten and more.
-- Descriptive, not an effect: people who see more ads differ from others before they see any. What is withheld, and the
-- intervals, are those of reach_frequency.
SELECT
  :reporting_week AS reporting_week,
  frequency,
  people,
  converters,
  conversion_rate,
  rate_low,
  rate_high,
  (converters IS NULL) AS below_threshold
FROM reach_frequency
ORDER BY frequency
