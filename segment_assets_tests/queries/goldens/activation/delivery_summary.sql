-- duckdb
WITH audience_lane AS (
  SELECT
    destination,
    account,
    segment,
    number,
    audience,
    suppressed,
    no_consent,
    held_out,
    no_usable_key,
    wanted,
    unchanged + accepted AS acknowledged,
    known_refused + rejected AS refused,
    unproven,
    unsent + COALESCE(not_added, 0) AS unsent,
    ROW_NUMBER() OVER (PARTITION BY destination, account, segment ORDER BY number DESC) AS newest
  FROM deliveries
  WHERE
    lane = 'audience'
), gone AS (
  SELECT
    d.destination,
    d.account,
    d.segment,
    SUM(d.removes_acknowledged + d.removes_unproven) AS people
  FROM deliveries AS d
  INNER JOIN audience_lane AS a
    ON a.destination = d.destination
    AND a.account = d.account
    AND a.segment = d.segment
    AND a.newest = 1
  WHERE
    d.lane <> 'audience' AND d.number > a.number
  GROUP BY
    d.destination,
    d.account,
    d.segment
), last_audience AS (
  SELECT
    a.destination,
    a.account,
    a.segment,
    a.audience,
    a.suppressed,
    a.no_consent,
    a.held_out,
    a.no_usable_key,
    a.wanted,
    a.refused,
    a.unsent,
    CASE
      WHEN COALESCE(g.people, 0) < a.acknowledged
      THEN a.acknowledged - COALESCE(g.people, 0)
      ELSE 0
    END AS acknowledged,
    CASE
      WHEN COALESCE(g.people, 0) <= a.acknowledged
      THEN a.unproven
      WHEN g.people < a.acknowledged + a.unproven
      THEN a.acknowledged + a.unproven - g.people
      ELSE 0
    END AS unproven,
    CASE
      WHEN COALESCE(g.people, 0) < a.acknowledged + a.unproven
      THEN COALESCE(g.people, 0)
      ELSE a.acknowledged + a.unproven
    END AS taken_out
  FROM audience_lane AS a
  LEFT JOIN gone AS g
    ON g.destination = a.destination AND g.account = a.account AND g.segment = a.segment
  WHERE
    a.newest = 1
), totals AS (
  SELECT
    destination,
    account,
    segment,
    COUNT(*) AS deliveries,
    MAX(closed_at) AS last_closed_at,
    SUM(accepted) AS accepted_in_total,
    SUM(rejected) AS rejected_in_total,
    SUM(unproven) AS unproven_in_total,
    SUM(removes_acknowledged) AS removed_in_total,
    SUM(requests) AS requests_in_total
  FROM deliveries
  GROUP BY
    destination,
    account,
    segment
)
SELECT
  t.destination,
  t.account,
  t.segment,
  t.deliveries,
  t.last_closed_at,
  a.audience,
  a.suppressed,
  a.no_consent,
  a.held_out,
  a.no_usable_key,
  a.wanted,
  a.acknowledged,
  a.refused,
  a.unproven,
  a.unsent,
  a.taken_out,
  t.accepted_in_total,
  t.rejected_in_total,
  t.unproven_in_total,
  t.removed_in_total,
  t.requests_in_total,
  CAST(a.wanted AS DOUBLE) / NULLIF(a.audience, 0) AS deliverable_share
FROM totals AS t
LEFT JOIN last_audience AS a
  ON a.destination = t.destination AND a.account = t.account AND a.segment = t.segment
ORDER BY
  t.destination,
  t.account,
  t.segment

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."destination",
  "segment_assets_numbered"."account",
  "segment_assets_numbered"."segment",
  "segment_assets_numbered"."deliveries",
  "segment_assets_numbered"."last_closed_at",
  "segment_assets_numbered"."audience",
  "segment_assets_numbered"."suppressed",
  "segment_assets_numbered"."no_consent",
  "segment_assets_numbered"."held_out",
  "segment_assets_numbered"."no_usable_key",
  "segment_assets_numbered"."wanted",
  "segment_assets_numbered"."acknowledged",
  "segment_assets_numbered"."refused",
  "segment_assets_numbered"."unproven",
  "segment_assets_numbered"."unsent",
  "segment_assets_numbered"."taken_out",
  "segment_assets_numbered"."accepted_in_total",
  "segment_assets_numbered"."rejected_in_total",
  "segment_assets_numbered"."unproven_in_total",
  "segment_assets_numbered"."removed_in_total",
  "segment_assets_numbered"."requests_in_total",
  "segment_assets_numbered"."deliverable_share",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "deliveries" AS (
    SELECT
      "destination",
      "account",
      "segment",
      "number",
      "lane",
      "closed_at",
      "audience",
      "held_out",
      "suppressed",
      "no_consent",
      "no_usable_key",
      "wanted",
      "unchanged",
      "known_refused",
      "not_added",
      "accepted",
      "rejected",
      "unproven",
      "unsent",
      "removes_acknowledged",
      "removes_unproven",
      "requests"
    FROM "lake"."deliveries"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH audience_lane AS (
      SELECT
        destination,
        account,
        segment,
        number,
        audience,
        suppressed,
        no_consent,
        held_out,
        no_usable_key,
        wanted,
        unchanged + accepted AS acknowledged,
        known_refused + rejected AS refused,
        unproven,
        unsent + COALESCE(not_added, 0) AS unsent,
        ROW_NUMBER() OVER (PARTITION BY destination, account, segment ORDER BY number DESC) AS newest
      FROM deliveries
      WHERE
        lane = 'audience'
    ), gone AS (
      SELECT
        d.destination,
        d.account,
        d.segment,
        SUM(d.removes_acknowledged + d.removes_unproven) AS people
      FROM deliveries AS d
      INNER JOIN audience_lane AS a
        ON a.destination = d.destination
        AND a.account = d.account
        AND a.segment = d.segment
        AND a.newest = 1
      WHERE
        d.lane <> 'audience' AND d.number > a.number
      GROUP BY
        d.destination,
        d.account,
        d.segment
    ), last_audience AS (
      SELECT
        a.destination,
        a.account,
        a.segment,
        a.audience,
        a.suppressed,
        a.no_consent,
        a.held_out,
        a.no_usable_key,
        a.wanted,
        a.refused,
        a.unsent,
        CASE
          WHEN COALESCE(g.people, 0) < a.acknowledged
          THEN a.acknowledged - COALESCE(g.people, 0)
          ELSE 0
        END AS acknowledged,
        CASE
          WHEN COALESCE(g.people, 0) <= a.acknowledged
          THEN a.unproven
          WHEN g.people < a.acknowledged + a.unproven
          THEN a.acknowledged + a.unproven - g.people
          ELSE 0
        END AS unproven,
        CASE
          WHEN COALESCE(g.people, 0) < a.acknowledged + a.unproven
          THEN COALESCE(g.people, 0)
          ELSE a.acknowledged + a.unproven
        END AS taken_out
      FROM audience_lane AS a
      LEFT JOIN gone AS g
        ON g.destination = a.destination AND g.account = a.account AND g.segment = a.segment
      WHERE
        a.newest = 1
    ), totals AS (
      SELECT
        destination,
        account,
        segment,
        COUNT(*) AS deliveries,
        MAX(closed_at) AS last_closed_at,
        SUM(accepted) AS accepted_in_total,
        SUM(rejected) AS rejected_in_total,
        SUM(unproven) AS unproven_in_total,
        SUM(removes_acknowledged) AS removed_in_total,
        SUM(requests) AS requests_in_total
      FROM deliveries
      GROUP BY
        destination,
        account,
        segment
    )
    SELECT
      t.destination,
      t.account,
      t.segment,
      t.deliveries,
      t.last_closed_at,
      a.audience,
      a.suppressed,
      a.no_consent,
      a.held_out,
      a.no_usable_key,
      a.wanted,
      a.acknowledged,
      a.refused,
      a.unproven,
      a.unsent,
      a.taken_out,
      t.accepted_in_total,
      t.rejected_in_total,
      t.unproven_in_total,
      t.removed_in_total,
      t.requests_in_total,
      CAST(a.wanted AS DOUBLE) / NULLIF(a.audience, 0) AS deliverable_share,
      t.destination AS "order_1",
      t.account AS "order_2",
      t.segment AS "order_3"
    FROM totals AS t
    LEFT JOIN last_audience AS a
      ON a.destination = t.destination AND a.account = t.account AND a.segment = t.segment
  )
  SELECT
    "destination",
    "account",
    "segment",
    "deliveries",
    "last_closed_at",
    "audience",
    "suppressed",
    "no_consent",
    "held_out",
    "no_usable_key",
    "wanted",
    "acknowledged",
    "refused",
    "unproven",
    "unsent",
    "taken_out",
    "accepted_in_total",
    "rejected_in_total",
    "unproven_in_total",
    "removed_in_total",
    "requests_in_total",
    "deliverable_share",
    ROW_NUMBER() OVER (ORDER BY "order_1", "order_2", "order_3") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
