-- duckdb
SELECT
  experiment,
  reporting_week,
  COUNT(member_id) AS assigned,
  SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS held_out,
  SUM(CASE WHEN arm = 'treatment' THEN 1 ELSE 0 END) AS treatment,
  SUM(CASE WHEN arm = 'treatment' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS delivered,
  SUM(CASE WHEN arm = 'held_out' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS contaminated,
  CAST(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS DOUBLE) / COUNT(member_id) AS held_out_share,
  CAST(SUM(CASE WHEN arm = 'held_out' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS DOUBLE) / NULLIF(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END), 0) AS contaminated_share
FROM hold_out_people
GROUP BY
  experiment,
  reporting_week
ORDER BY
  experiment,
  reporting_week

-- athena, as it is sent
SELECT
  "segment_assets_numbered"."experiment",
  "segment_assets_numbered"."reporting_week",
  "segment_assets_numbered"."assigned",
  "segment_assets_numbered"."held_out",
  "segment_assets_numbered"."treatment",
  "segment_assets_numbered"."delivered",
  "segment_assets_numbered"."contaminated",
  "segment_assets_numbered"."held_out_share",
  "segment_assets_numbered"."contaminated_share",
  "segment_assets_numbered"."answer_row",
  "segment_assets_numbered"."answer_rows"
FROM (VALUES
  (1)) AS segment_assets_always(segment_assets_one)
LEFT JOIN (
  WITH "hold_out_people" AS (
    SELECT
      "experiment",
      "reporting_week",
      "member_id",
      "arm",
      "delivered_at"
    FROM "lake"."hold_out_people"
    WHERE
      "partition" IN ('2026-10-05')
  ), "segment_assets_answer" AS (
    SELECT
      experiment,
      reporting_week,
      COUNT(member_id) AS assigned,
      SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS held_out,
      SUM(CASE WHEN arm = 'treatment' THEN 1 ELSE 0 END) AS treatment,
      SUM(CASE WHEN arm = 'treatment' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS delivered,
      SUM(CASE WHEN arm = 'held_out' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS contaminated,
      CAST(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END) AS DOUBLE) / COUNT(member_id) AS held_out_share,
      CAST(SUM(CASE WHEN arm = 'held_out' AND NOT delivered_at IS NULL THEN 1 ELSE 0 END) AS DOUBLE) / NULLIF(SUM(CASE WHEN arm = 'held_out' THEN 1 ELSE 0 END), 0) AS contaminated_share
    FROM hold_out_people
    GROUP BY
      experiment,
      reporting_week
  )
  SELECT
    "experiment",
    "reporting_week",
    "assigned",
    "held_out",
    "treatment",
    "delivered",
    "contaminated",
    "held_out_share",
    "contaminated_share",
    ROW_NUMBER() OVER (ORDER BY "experiment", "reporting_week") AS "answer_row",
    COUNT(*) OVER () AS "answer_rows",
    1 AS "segment_assets_one"
  FROM "segment_assets_answer"
) AS segment_assets_numbered
  ON "segment_assets_always"."segment_assets_one" = "segment_assets_numbered"."segment_assets_one"
