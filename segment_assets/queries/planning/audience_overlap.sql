-- How much of our customer base the publisher reached in the week, and how many of those converted afterwards.
-- All three numbers are of customers, each of which is part of the one before.
-- A result that the clean room withheld has no row (global aggregate below threshold): unknown, not 0.
-- 100 is the strictest minimum of the collaboration: where fewer customers were not reached, or reached and did not
-- convert, the number would tell about those few, so it is withheld here too.
SELECT
  :reporting_week AS reporting_week,
  base.customers,
  reach.exposed_customers,
  converted.matched_customers AS matched_converters,
  CAST(reach.exposed_customers AS double) / NULLIF(base.customers, 0) AS overlap_rate,
  CAST(converted.matched_customers AS double) / NULLIF(reach.exposed_customers, 0) AS conversion_rate,
  (reach.exposed_customers IS NULL OR converted.matched_customers IS NULL) AS below_threshold
FROM (SELECT COUNT(DISTINCT email_sha256) AS customers FROM customers) AS base
LEFT JOIN (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS reach
  ON base.customers - reach.exposed_customers >= 100
LEFT JOIN (
  SELECT told.matched_customers, everybody.exposed_customers
  FROM (SELECT MAX(matched_customers) AS matched_customers FROM matched_customers) AS told
  CROSS JOIN (SELECT MAX(exposed_customers) AS exposed_customers FROM customer_reach) AS everybody
) AS converted
  ON converted.exposed_customers IS NULL OR converted.exposed_customers - converted.matched_customers >= 100
