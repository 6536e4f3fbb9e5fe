-- Where every person of each activated segment stands on each platform account.
-- The last delivery of the audience lane tells the audience; sums run over all deliveries of both lanes.
-- audience = suppressed + no_consent + held_out + no_usable_key + wanted
-- wanted = acknowledged + refused + unproven + unsent
WITH audience_lane AS (
  SELECT
    destination, account, segment,
    audience, suppressed, no_consent, held_out, no_usable_key, wanted,
    unchanged + accepted AS acknowledged,
    known_refused + rejected AS refused,
    unproven, unsent + COALESCE(not_added, 0) AS unsent,
    ROW_NUMBER() OVER (PARTITION BY destination, account, segment ORDER BY number DESC) AS newest
  FROM deliveries
  WHERE lane = 'audience'
),
totals AS (
  SELECT
    destination, account, segment,
    COUNT(*) AS deliveries,
    MAX(closed_at) AS last_closed_at,
    SUM(accepted) AS accepted_in_total,
    SUM(rejected) AS rejected_in_total,
    SUM(unproven) AS unproven_in_total,
    SUM(removes_acknowledged) AS removed_in_total,
    SUM(requests) AS requests_in_total
  FROM deliveries
  GROUP BY destination, account, segment
)
SELECT
  t.destination, t.account, t.segment,
  t.deliveries, t.last_closed_at,
  a.audience, a.suppressed, a.no_consent, a.held_out, a.no_usable_key,
  a.wanted, a.acknowledged, a.refused, a.unproven, a.unsent,
  t.accepted_in_total, t.rejected_in_total, t.unproven_in_total, t.removed_in_total, t.requests_in_total,
  CAST(a.wanted AS double) / NULLIF(a.audience, 0) AS deliverable_share
FROM totals AS t
LEFT JOIN audience_lane AS a
  ON a.destination = t.destination AND a.account = t.account AND a.segment = t.segment AND a.newest = 1
ORDER BY t.destination, t.account, t.segment
