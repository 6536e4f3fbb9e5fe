-- How much of our customer base the publisher reached in the week, and how many of those converted afterwards.
-- A result that the clean room withheld has no row (global aggregate below threshold): unknown, not 0.
-- 100 is the strictest minimum of the collaboration: where fewer customers were not reached, the number would tell about
-- those few, so it is withheld here too.
SELECT
  :reporting_week AS reporting_week,
  base.customers,
  reach.exposed_customers,
  converted.matched_converters,
  CAST(reach.exposed_customers AS double) / NULLIF(base.customers, 0) AS overlap_rate,
  CAST(converted.matched_converters AS double) / NULLIF(reach.exposed_customers, 0) AS conversion_rate,
  (reach.exposed_customers IS NULL OR converted.matched_converters IS NULL) AS below_threshold
FROM (SELECT COUNT(DISTINCT email_sha256) AS customers FROM customers) AS base
LEFT JOIN (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS reach
  ON base.customers - reach.exposed_customers >= 100
CROSS JOIN (SELECT MAX(matched_converters) AS matched_converters FROM overlap) AS converted
