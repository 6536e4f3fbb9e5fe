-- duckdb
SELECT
  summary.destination,
  summary.account,
  summary.segment,
  doors.place,
  doors.door,
  CASE doors.door
    WHEN 'suppressed'
    THEN summary.suppressed
    WHEN 'no_consent'
    THEN summary.no_consent
    WHEN 'held_out'
    THEN summary.held_out
    WHEN 'no_usable_key'
    THEN summary.no_usable_key
    WHEN 'refused'
    THEN summary.refused
    WHEN 'unsent'
    THEN summary.unsent
    WHEN 'unproven'
    THEN summary.unproven
    WHEN 'taken_out'
    THEN summary.taken_out
    ELSE summary.acknowledged
  END AS people,
  summary.audience
FROM delivery_summary AS summary
CROSS JOIN (VALUES
  (1, 'suppressed'),
  (2, 'no_consent'),
  (3, 'held_out'),
  (4, 'no_usable_key'),
  (5, 'refused'),
  (6, 'unsent'),
  (7, 'unproven'),
  (8, 'taken_out'),
  (9, 'acknowledged')) AS doors(place, door)
WHERE
  NOT summary.audience IS NULL
ORDER BY
  summary.destination,
  summary.account,
  summary.segment,
  doors.place,
  doors.door

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."destination",
  "segment_assets_numbered"."account",
  "segment_assets_numbered"."segment",
  "segment_assets_numbered"."place",
  "segment_assets_numbered"."door",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."audience",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "delivery_summary" AS (
    SELECT
      "destination",
      "account",
      "segment",
      "audience",
      "suppressed",
      "no_consent",
      "held_out",
      "no_usable_key",
      "acknowledged",
      "refused",
      "unproven",
      "unsent",
      "taken_out"
    FROM "lake"."delivery_summary"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    SELECT
      summary.destination,
      summary.account,
      summary.segment,
      doors.place,
      doors.door,
      CASE doors.door
        WHEN 'suppressed'
        THEN summary.suppressed
        WHEN 'no_consent'
        THEN summary.no_consent
        WHEN 'held_out'
        THEN summary.held_out
        WHEN 'no_usable_key'
        THEN summary.no_usable_key
        WHEN 'refused'
        THEN summary.refused
        WHEN 'unsent'
        THEN summary.unsent
        WHEN 'unproven'
        THEN summary.unproven
        WHEN 'taken_out'
        THEN summary.taken_out
        ELSE summary.acknowledged
      END AS people,
      summary.audience,
      summary.destination AS "order_1",
      summary.account AS "order_2",
      summary.segment AS "order_3",
      doors.place AS "order_4",
      doors.door AS "order_5"
    FROM delivery_summary AS summary
    CROSS JOIN (VALUES
      (1, 'suppressed'),
      (2, 'no_consent'),
      (3, 'held_out'),
      (4, 'no_usable_key'),
      (5, 'refused'),
      (6, 'unsent'),
      (7, 'unproven'),
      (8, 'taken_out'),
      (9, 'acknowledged')) AS doors(place, door)
    WHERE
      NOT summary.audience IS NULL
  )
  SELECT
    "destination",
    "account",
    "segment",
    "place",
    "door",
    "people",
    "audience",
    ROW_NUMBER() OVER (ORDER BY "order_1", "order_2", "order_3", "order_4", "order_5") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
