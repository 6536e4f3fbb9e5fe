-- Viewers of every channel who bought after their first ad, and how many had not bought before.
-- The two parts of a number are told only where both are 100 people and more, the strictest minimum of the
-- collaboration, and so is what they leave of the same part of `(all)`. The interval is Wilson's.
WITH spine AS (
  SELECT channel
  FROM (VALUES ('(all)'), ('audio'), ('ctv'), ('display'), ('olv'), ('social')) AS listed (channel)
),
parts AS (
  SELECT
    COALESCE(g.part_1, '(all)') AS channel,
    g.buyers AS buyers,
    g.earlier_buyers AS earlier_buyers,
    g.buyers - g.earlier_buyers AS new_buyers
  FROM viewer_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'viewer_groups' AND hidden.kind = g.kind AND hidden.cell = COALESCE(g.part_1, '') || '/'
  WHERE hidden.cell IS NULL AND (g.kind = 'all' OR (g.kind = 'channel' AND g.part_1 IS NOT NULL))
),
told AS (
  SELECT
    g.channel,
    CASE
      WHEN g.buyers >= 100 AND (e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100)
      THEN g.buyers
    END AS buyers,
    CASE
      WHEN g.earlier_buyers >= 100 AND g.new_buyers >= 100
        AND (e.buyers IS NULL OR e.buyers - g.buyers <= 0 OR e.buyers - g.buyers >= 100)
        AND (
          e.earlier_buyers IS NULL OR e.earlier_buyers - g.earlier_buyers <= 0
          OR e.earlier_buyers - g.earlier_buyers >= 100
        )
        AND (e.new_buyers IS NULL OR e.new_buyers - g.new_buyers <= 0 OR e.new_buyers - g.new_buyers >= 100)
      THEN g.new_buyers
    END AS new_buyers
  FROM parts AS g
  LEFT JOIN parts AS e ON e.channel = '(all)'
),
shares AS (
  SELECT
    spine.channel,
    told.buyers,
    told.new_buyers,
    1 / CAST(told.buyers AS double) AS each_one,
    CAST(told.new_buyers AS double) / CAST(told.buyers AS double) AS share
  FROM spine
  LEFT JOIN told ON told.channel = spine.channel
)
SELECT
  :reporting_week AS reporting_week,
  shares.channel,
  shares.buyers,
  shares.new_buyers,
  shares.share AS new_share,
  (shares.share + 1.9207 * shares.each_one
    - 1.96 * SQRT(shares.share * (1 - shares.share) * shares.each_one + 0.9604 * shares.each_one * shares.each_one))
    / CAST(1 + 3.8415 * shares.each_one AS double) AS share_low,
  (shares.share + 1.9207 * shares.each_one
    + 1.96 * SQRT(shares.share * (1 - shares.share) * shares.each_one + 0.9604 * shares.each_one * shares.each_one))
    / CAST(1 + 3.8415 * shares.each_one AS double) AS share_high,
  (shares.new_buyers IS NULL) AS below_threshold
FROM shares
ORDER BY shares.channel
