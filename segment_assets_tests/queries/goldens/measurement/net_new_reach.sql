-- duckdb
WITH spine AS (
  SELECT
    channel
  FROM (VALUES
    ('(all)'),
    ('audio'),
    ('ctv'),
    ('display'),
    ('olv'),
    ('social')) AS listed(channel)
), parts AS (
  SELECT
    COALESCE(g.part_1, '(all)') AS channel,
    g.people AS people,
    g.known_people AS known_people,
    g.people - g.known_people AS new_people
  FROM viewer_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'viewer_groups'
    AND hidden.kind = g.kind
    AND hidden.cell = COALESCE(g.part_1, '') || '/'
  WHERE
    hidden.cell IS NULL
    AND (
      g.kind = 'all' OR (
        g.kind = 'channel' AND NOT g.part_1 IS NULL
      )
    )
), told AS (
  SELECT
    g.channel,
    g.people AS people,
    CASE
      WHEN g.known_people >= 100
      AND g.new_people >= 100
      AND (
        e.known_people IS NULL
        OR e.known_people - g.known_people <= 0
        OR e.known_people - g.known_people >= 100
      )
      AND (
        e.new_people IS NULL
        OR e.new_people - g.new_people <= 0
        OR e.new_people - g.new_people >= 100
      )
      THEN g.new_people
    END AS new_people
  FROM parts AS g
  LEFT JOIN parts AS e
    ON e.channel = '(all)'
), shares AS (
  SELECT
    spine.channel,
    told.people,
    told.new_people,
    1 / CAST(told.people AS DOUBLE) AS each_one,
    CAST(told.new_people AS DOUBLE) / CAST(told.people AS DOUBLE) AS share
  FROM spine
  LEFT JOIN told
    ON told.channel = spine.channel
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  shares.channel,
  shares.people,
  shares.new_people,
  shares.share AS new_share,
  (
    shares.share + 1.9207 * shares.each_one - 1.96 * SQRT(
      shares.share * (
        1 - shares.share
      ) * shares.each_one + 0.9604 * shares.each_one * shares.each_one
    )
  ) / CAST(1 + 3.8415 * shares.each_one AS DOUBLE) AS share_low,
  (
    shares.share + 1.9207 * shares.each_one + 1.96 * SQRT(
      shares.share * (
        1 - shares.share
      ) * shares.each_one + 0.9604 * shares.each_one * shares.each_one
    )
  ) / CAST(1 + 3.8415 * shares.each_one AS DOUBLE) AS share_high,
  (
    shares.new_people IS NULL
  ) AS below_threshold
FROM shares
ORDER BY
  shares.channel

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."channel",
  "segment_assets_numbered"."people",
  "segment_assets_numbered"."new_people",
  "segment_assets_numbered"."new_share",
  "segment_assets_numbered"."share_low",
  "segment_assets_numbered"."share_high",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "complementary_cells" AS (
    SELECT
      "source",
      "kind",
      "cell"
    FROM "lake"."complementary_cells"
    WHERE
      "partition" IN ('2026-10-05')
  ), "viewer_groups" AS (
    SELECT
      "kind",
      "part_1",
      "people",
      "known_people"
    FROM "lake"."viewer_groups"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH spine AS (
      SELECT
        channel
      FROM (VALUES
        ('(all)'),
        ('audio'),
        ('ctv'),
        ('display'),
        ('olv'),
        ('social')) AS listed(channel)
    ), parts AS (
      SELECT
        COALESCE(g.part_1, '(all)') AS channel,
        g.people AS people,
        g.known_people AS known_people,
        g.people - g.known_people AS new_people
      FROM viewer_groups AS g
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'viewer_groups'
        AND hidden.kind = g.kind
        AND hidden.cell = COALESCE(g.part_1, '') || '/'
      WHERE
        hidden.cell IS NULL
        AND (
          g.kind = 'all' OR (
            g.kind = 'channel' AND NOT g.part_1 IS NULL
          )
        )
    ), told AS (
      SELECT
        g.channel,
        g.people AS people,
        CASE
          WHEN g.known_people >= 100
          AND g.new_people >= 100
          AND (
            e.known_people IS NULL
            OR e.known_people - g.known_people <= 0
            OR e.known_people - g.known_people >= 100
          )
          AND (
            e.new_people IS NULL
            OR e.new_people - g.new_people <= 0
            OR e.new_people - g.new_people >= 100
          )
          THEN g.new_people
        END AS new_people
      FROM parts AS g
      LEFT JOIN parts AS e
        ON e.channel = '(all)'
    ), shares AS (
      SELECT
        spine.channel,
        told.people,
        told.new_people,
        1 / CAST(told.people AS DOUBLE) AS each_one,
        CAST(told.new_people AS DOUBLE) / CAST(told.people AS DOUBLE) AS share
      FROM spine
      LEFT JOIN told
        ON told.channel = spine.channel
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      shares.channel,
      shares.people,
      shares.new_people,
      shares.share AS new_share,
      (
        shares.share + 1.9207 * shares.each_one - 1.96 * SQRT(
          shares.share * (
            1 - shares.share
          ) * shares.each_one + 0.9604 * shares.each_one * shares.each_one
        )
      ) / CAST(1 + 3.8415 * shares.each_one AS DOUBLE) AS share_low,
      (
        shares.share + 1.9207 * shares.each_one + 1.96 * SQRT(
          shares.share * (
            1 - shares.share
          ) * shares.each_one + 0.9604 * shares.each_one * shares.each_one
        )
      ) / CAST(1 + 3.8415 * shares.each_one AS DOUBLE) AS share_high,
      (
        shares.new_people IS NULL
      ) AS below_threshold,
      shares.channel AS "order_1"
    FROM shares
  )
  SELECT
    "reporting_week",
    "channel",
    "people",
    "new_people",
    "new_share",
    "share_low",
    "share_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
