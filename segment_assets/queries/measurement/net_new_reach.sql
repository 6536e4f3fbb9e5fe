-- Viewers of every channel, and how many of them account A did not know before.
-- The two parts of a number are told only where both are 100 people and more, the strictest minimum of the
-- collaboration, and so is what they leave of the same part of `(all)`. The interval is Wilson's.
WITH spine AS (
  SELECT channel
  FROM (VALUES ('(all)'), ('audio'), ('ctv'), ('display'), ('olv'), ('social')) AS listed (channel)
),
parts AS (
  SELECT
    COALESCE(g.part_1, '(all)') AS channel,
    g.people AS people,
    g.known_people AS known_people,
    g.people - g.known_people AS new_people
  FROM viewer_groups AS g
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'viewer_groups' AND hidden.kind = g.kind AND hidden.cell = COALESCE(g.part_1, '') || '/'
  WHERE hidden.cell IS NULL AND (g.kind = 'all' OR (g.kind = 'channel' AND g.part_1 IS NOT NULL))
),
told AS (
  SELECT
    g.channel,
    g.people AS people,
    CASE
      WHEN g.known_people >= 100 AND g.new_people >= 100
        AND (e.known_people IS NULL OR e.known_people - g.known_people <= 0 OR e.known_people - g.known_people >= 100)
        AND (e.new_people IS NULL OR e.new_people - g.new_people <= 0 OR e.new_people - g.new_people >= 100)
      THEN g.new_people
    END AS new_people
  FROM parts AS g
  LEFT JOIN parts AS e ON e.channel = '(all)'
),
shares AS (
  SELECT
    spine.channel,
    told.people,
    told.new_people,
    1 / CAST(told.people AS double) AS each_one,
    CAST(told.new_people AS double) / CAST(told.people AS double) AS share
  FROM spine
  LEFT JOIN told ON told.channel = spine.channel
)
SELECT
  :reporting_week AS reporting_week,
  shares.channel,
  shares.people,
  shares.new_people,
  shares.share AS new_share,
  (shares.share + 1.9207 * shares.each_one
    - 1.96 * SQRT(shares.share * (1 - shares.share) * shares.each_one + 0.9604 * shares.each_one * shares.each_one))
    / CAST(1 + 3.8415 * shares.each_one AS double) AS share_low,
  (shares.share + 1.9207 * shares.each_one
    + 1.96 * SQRT(shares.share * (1 - shares.share) * shares.each_one + 0.9604 * shares.each_one * shares.each_one))
    / CAST(1 + 3.8415 * shares.each_one AS double) AS share_high,
  (shares.new_people IS NULL) AS below_threshold
FROM shares
ORDER BY shares.channel
