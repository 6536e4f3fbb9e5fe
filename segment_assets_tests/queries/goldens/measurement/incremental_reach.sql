-- duckdb
WITH spine AS (
  SELECT
    channel
  FROM (VALUES
    ('audio'),
    ('ctv'),
    ('display'),
    ('olv'),
    ('social')) AS listed(channel)
), shown AS (
  SELECT
    t.audio,
    t.ctv,
    t.display,
    t.olv,
    t.social,
    t.people
  FROM exposure_sets AS t
  LEFT JOIN complementary_cells AS hidden
    ON hidden.source = 'exposure_sets'
    AND hidden.cell = CAST(t.ctv AS TEXT) || '/' || CAST(t.olv AS TEXT) || '/' || CAST(t.display AS TEXT) || '/' || CAST(t.audio AS TEXT) || '/' || CAST(t.social AS TEXT)
  WHERE
    hidden.cell IS NULL OR hidden.reason = 'converters'
), cells AS (
  SELECT
    spine.channel,
    told.people,
    CASE spine.channel
      WHEN 'audio'
      THEN told.audio
      WHEN 'ctv'
      THEN told.ctv
      WHEN 'display'
      THEN told.display
      WHEN 'olv'
      THEN told.olv
      ELSE told.social
    END AS saw_it,
    told.audio + told.ctv + told.display + told.olv + told.social AS channels_seen
  FROM spine
  CROSS JOIN shown AS told
), sums AS (
  SELECT
    channel,
    SUM(CASE WHEN saw_it = 1 THEN people END) AS reached,
    MAX(CASE WHEN saw_it = 1 AND channels_seen = 1 THEN people END) AS only_here
  FROM cells
  GROUP BY
    channel
), withheld AS (
  SELECT
    CASE
      WHEN reach.exposed_customers - COALESCE(told.people, 0) BETWEEN 1 AND 99
      THEN 100
      ELSE reach.exposed_customers - COALESCE(told.people, 0)
    END AS people
  FROM (
    SELECT
      CASE
        WHEN base.customers - everybody.exposed_customers BETWEEN 1 AND 99
        THEN base.customers
        ELSE everybody.exposed_customers
      END AS exposed_customers
    FROM (
      SELECT
        MAX(exposed_customers) AS exposed_customers
      FROM customer_reach
    ) AS everybody
    CROSS JOIN (
      SELECT
        COUNT(DISTINCT email_sha256) AS customers
      FROM customers
    ) AS base
  ) AS reach
  CROSS JOIN (
    SELECT
      SUM(people) AS people
    FROM shown
  ) AS told
)
SELECT
  CAST('2026-10-05' AS DATE) AS reporting_week,
  spine.channel,
  sums.reached AS reached_at_least,
  sums.reached + withheld.people AS reached_at_most,
  sums.only_here AS incremental_people,
  CAST(sums.only_here AS DOUBLE) / NULLIF(sums.reached + withheld.people, 0) AS incremental_share_low,
  CAST(sums.only_here AS DOUBLE) / NULLIF(sums.reached, 0) AS incremental_share_high,
  (
    sums.only_here IS NULL
  ) AS below_threshold
FROM spine
LEFT JOIN sums
  ON sums.channel = spine.channel
CROSS JOIN withheld
ORDER BY
  spine.channel

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."channel",
  "segment_assets_numbered"."reached_at_least",
  "segment_assets_numbered"."reached_at_most",
  "segment_assets_numbered"."incremental_people",
  "segment_assets_numbered"."incremental_share_low",
  "segment_assets_numbered"."incremental_share_high",
  "segment_assets_numbered"."below_threshold",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "complementary_cells" AS (
    SELECT
      "source",
      "cell",
      "reason"
    FROM "lake"."complementary_cells"
    WHERE
      "partition" IN ('2026-10-05')
  ), "customer_reach" AS (
    SELECT
      "exposed_customers"
    FROM "lake"."customer_reach"
    WHERE
      "partition" IN ('2026-10-05')
  ), "customers" AS (
    SELECT
      "email_sha256"
    FROM "account_a"."customers"
  ), "exposure_sets" AS (
    SELECT
      "ctv",
      "olv",
      "display",
      "audio",
      "social",
      "people"
    FROM "lake"."exposure_sets"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    WITH spine AS (
      SELECT
        channel
      FROM (VALUES
        ('audio'),
        ('ctv'),
        ('display'),
        ('olv'),
        ('social')) AS listed(channel)
    ), shown AS (
      SELECT
        t.audio,
        t.ctv,
        t.display,
        t.olv,
        t.social,
        t.people
      FROM exposure_sets AS t
      LEFT JOIN complementary_cells AS hidden
        ON hidden.source = 'exposure_sets'
        AND hidden.cell = CAST(t.ctv AS VARCHAR) || '/' || CAST(t.olv AS VARCHAR) || '/' || CAST(t.display AS VARCHAR) || '/' || CAST(t.audio AS VARCHAR) || '/' || CAST(t.social AS VARCHAR)
      WHERE
        hidden.cell IS NULL OR hidden.reason = 'converters'
    ), cells AS (
      SELECT
        spine.channel,
        told.people,
        CASE spine.channel
          WHEN 'audio'
          THEN told.audio
          WHEN 'ctv'
          THEN told.ctv
          WHEN 'display'
          THEN told.display
          WHEN 'olv'
          THEN told.olv
          ELSE told.social
        END AS saw_it,
        told.audio + told.ctv + told.display + told.olv + told.social AS channels_seen
      FROM spine
      CROSS JOIN shown AS told
    ), sums AS (
      SELECT
        channel,
        SUM(CASE WHEN saw_it = 1 THEN people END) AS reached,
        MAX(CASE WHEN saw_it = 1 AND channels_seen = 1 THEN people END) AS only_here
      FROM cells
      GROUP BY
        channel
    ), withheld AS (
      SELECT
        CASE
          WHEN reach.exposed_customers - COALESCE(told.people, 0) BETWEEN 1 AND 99
          THEN 100
          ELSE reach.exposed_customers - COALESCE(told.people, 0)
        END AS people
      FROM (
        SELECT
          CASE
            WHEN base.customers - everybody.exposed_customers BETWEEN 1 AND 99
            THEN base.customers
            ELSE everybody.exposed_customers
          END AS exposed_customers
        FROM (
          SELECT
            MAX(exposed_customers) AS exposed_customers
          FROM customer_reach
        ) AS everybody
        CROSS JOIN (
          SELECT
            COUNT(DISTINCT email_sha256) AS customers
          FROM customers
        ) AS base
      ) AS reach
      CROSS JOIN (
        SELECT
          SUM(people) AS people
        FROM shown
      ) AS told
    )
    SELECT
      CAST('2026-10-05' AS DATE) AS reporting_week,
      spine.channel,
      sums.reached AS reached_at_least,
      sums.reached + withheld.people AS reached_at_most,
      sums.only_here AS incremental_people,
      CAST(sums.only_here AS DOUBLE) / NULLIF(sums.reached + withheld.people, 0) AS incremental_share_low,
      CAST(sums.only_here AS DOUBLE) / NULLIF(sums.reached, 0) AS incremental_share_high,
      (
        sums.only_here IS NULL
      ) AS below_threshold,
      spine.channel AS "order_1"
    FROM spine
    LEFT JOIN sums
      ON sums.channel = spine.channel
    CROSS JOIN withheld
  )
  SELECT
    "reporting_week",
    "channel",
    "reached_at_least",
    "reached_at_most",
    "incremental_people",
    "incremental_share_low",
    "incremental_share_high",
    "below_threshold",
    ROW_NUMBER() OVER (ORDER BY "order_1") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
