-- How clean each experiment is, by week: people assigned to its arms, delivered, and contaminated.
-- People are compared by the arm that they were assigned to, whatever they were sent (intention to treat).
-- Arms that are contaminated show a smaller lift than there is.
SELECT
  experiment, reporting_week,
  COUNT(member_id) AS assigned,
  SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS held_out,
  SUM(CASE WHEN arm = 'treatment' THEN 1 ELSE 0 END) AS treatment,
  SUM(CASE WHEN arm = 'treatment' AND delivered_at IS NOT NULL THEN 1 ELSE 0 END) AS delivered,
  SUM(CASE WHEN arm = 'held_out' AND delivered_at IS NOT NULL THEN 1 ELSE 0 END) AS contaminated,
  CAST(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS double) / COUNT(member_id) AS held_out_share,
  CAST(SUM(CASE WHEN arm = 'held_out' AND delivered_at IS NOT NULL THEN 1 ELSE 0 END) AS double)
    / NULLIF(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END), 0) AS contaminated_share
FROM hold_out_people
GROUP BY experiment, reporting_week
ORDER BY experiment, reporting_week
