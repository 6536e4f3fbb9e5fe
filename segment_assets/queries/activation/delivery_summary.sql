-- Where every person of each activated segment stands on each platform account.
-- The last delivery of the audience lane tells the audience; sums run over all deliveries of both lanes.
-- audience = suppressed + no_consent + held_out + no_usable_key + wanted
-- wanted = acknowledged + refused + unproven + unsent + taken_out
-- Opt-outs and withdrawals after that delivery take people out who were acknowledged in it, or unproven: which of the
-- two, no count says. So acknowledged counts nobody who may be out.
WITH audience_lane AS (
  SELECT
    destination, account, segment, number,
    audience, suppressed, no_consent, held_out, no_usable_key, wanted,
    unchanged + accepted AS acknowledged,
    known_refused + rejected AS refused,
    unproven, unsent + COALESCE(not_added, 0) AS unsent,
    ROW_NUMBER() OVER (PARTITION BY destination, account, segment ORDER BY number DESC) AS newest
  FROM deliveries
  WHERE lane = 'audience'
),
gone AS (
  SELECT d.destination, d.account, d.segment, SUM(d.removes_acknowledged + d.removes_unproven) AS people
  FROM deliveries AS d
  INNER JOIN audience_lane AS a
    ON a.destination = d.destination AND a.account = d.account AND a.segment = d.segment AND a.newest = 1
  WHERE d.lane <> 'audience' AND d.number > a.number
  GROUP BY d.destination, d.account, d.segment
),
last_audience AS (
  SELECT
    a.destination, a.account, a.segment,
    a.audience, a.suppressed, a.no_consent, a.held_out, a.no_usable_key, a.wanted, a.refused, a.unsent,
    CASE WHEN COALESCE(g.people, 0) < a.acknowledged THEN a.acknowledged - COALESCE(g.people, 0) ELSE 0 END
      AS acknowledged,
    CASE
      WHEN COALESCE(g.people, 0) <= a.acknowledged THEN a.unproven
      WHEN g.people < a.acknowledged + a.unproven THEN a.acknowledged + a.unproven - g.people
      ELSE 0
    END AS unproven,
    CASE
      WHEN COALESCE(g.people, 0) < a.acknowledged + a.unproven THEN COALESCE(g.people, 0)
      ELSE a.acknowledged + a.unproven
    END AS taken_out
  FROM audience_lane AS a
  LEFT JOIN gone AS g ON g.destination = a.destination AND g.account = a.account AND g.segment = a.segment
  WHERE a.newest = 1
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
  a.wanted, a.acknowledged, a.refused, a.unproven, a.unsent, a.taken_out,
  t.accepted_in_total, t.rejected_in_total, t.unproven_in_total, t.removed_in_total, t.requests_in_total,
  CAST(a.wanted AS double) / NULLIF(a.audience, 0) AS deliverable_share
FROM totals AS t
LEFT JOIN last_audience AS a
  ON a.destination = t.destination AND a.account = t.account AND a.segment = t.segment
ORDER BY t.destination, t.account, t.segment
