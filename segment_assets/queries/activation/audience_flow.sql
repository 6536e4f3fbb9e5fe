-- The ways of everybody in an audience, one row per door: where they stopped, or how they stand on the platform.
-- The doors of an audience add up to all of it. An audience that was only ever sent opt-outs has none.
SELECT
  summary.destination,
  summary.account,
  summary.segment,
  doors.place,
  doors.door,
  CASE doors.door
    WHEN 'suppressed' THEN summary.suppressed
    WHEN 'no_consent' THEN summary.no_consent
    WHEN 'held_out' THEN summary.held_out
    WHEN 'no_usable_key' THEN summary.no_usable_key
    WHEN 'refused' THEN summary.refused
    WHEN 'unsent' THEN summary.unsent
    WHEN 'unproven' THEN summary.unproven
    WHEN 'taken_out' THEN summary.taken_out
    ELSE summary.acknowledged
  END AS people,
  summary.audience
FROM delivery_summary AS summary
CROSS JOIN (
  VALUES
    (1, 'suppressed'), (2, 'no_consent'), (3, 'held_out'), (4, 'no_usable_key'),
    (5, 'refused'), (6, 'unsent'), (7, 'unproven'), (8, 'taken_out'),
    (9, 'acknowledged')
) AS doors (place, door)
WHERE summary.audience IS NOT NULL
ORDER BY summary.destination, summary.account, summary.segment, doors.place, doors.door
