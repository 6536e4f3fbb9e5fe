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
    g.buyers AS buyers,
    g.earlier_buyers AS earlier_buyers,
    g.buyers - g.earlier_buyers AS new_buyers
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
    CASE
      WHEN g.buyers >= 100
      AND (
        e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100
      )
      THEN g.buyers
    END AS buyers,
    CASE
      WHEN g.earlier_buyers >= 100
      AND g.new_buyers >= 100
      AND (
        e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100
      )
      AND (
        e.earlier_buyers IS NULL
        OR e.earlier_buyers - g.earlier_buyers <= 0
        OR e.earlier_buyers - g.earlier_buyers >= 100
      )
      AND (
        e.new_buyers IS NULL
        OR e.new_buyers - g.new_buyers <= 0
        OR e.new_buyers - g.new_buyers >= 100
      )
      THEN g.new_buyers
    END AS new_buyers
  FROM parts AS g
  LEFT JOIN parts AS e
    ON e.channel = '(all)'
), shares AS (
  SELECT
    spine.channel,
    told.buyers,
    told.new_buyers,
    1 / CAST(told.buyers AS DOUBLE) AS each_one,
    CAST(told.new_buyers AS DOUBLE) / CAST(told.buyers AS DOUBLE) AS share
  FROM spine
  LEFT JOIN told
    ON told.channel = spine.channel
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  shares.channel,
  shares.buyers,
  shares.new_buyers,
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
    shares.new_buyers IS NULL
  ) AS below_threshold
FROM shares
ORDER BY
  shares.channel

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."channel",
  "segment_assets_numbered"."buyers",
  "segment_assets_numbered"."new_buyers",
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
      "buyers",
      "earlier_buyers"
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
        g.buyers AS buyers,
        g.earlier_buyers AS earlier_buyers,
        g.buyers - g.earlier_buyers AS new_buyers
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
        CASE
          WHEN g.buyers >= 100
          AND (
            e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100
          )
          THEN g.buyers
        END AS buyers,
        CASE
          WHEN g.earlier_buyers >= 100
          AND g.new_buyers >= 100
          AND (
            e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100
          )
          AND (
            e.earlier_buyers IS NULL
            OR e.earlier_buyers - g.earlier_buyers <= 0
            OR e.earlier_buyers - g.earlier_buyers >= 100
          )
          AND (
            e.new_buyers IS NULL
            OR e.new_buyers - g.new_buyers <= 0
            OR e.new_buyers - g.new_buyers >= 100
          )
          THEN g.new_buyers
        END AS new_buyers
      FROM parts AS g
      LEFT JOIN parts AS e
        ON e.channel = '(all)'
    ), shares AS (
      SELECT
        spine.channel,
        told.buyers,
        told.new_buyers,
        1 / CAST(told.buyers AS DOUBLE) AS each_one,
        CAST(told.new_buyers AS DOUBLE) / CAST(told.buyers AS DOUBLE) AS share
      FROM spine
      LEFT JOIN told
        ON told.channel = spine.channel
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      shares.channel,
      shares.buyers,
      shares.new_buyers,
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
        shares.new_buyers IS NULL
      ) AS below_threshold,
      shares.channel AS "order_1"
    FROM shares
  )
  SELECT
    "reporting_week",
    "channel",
    "buyers",
    "new_buyers",
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
