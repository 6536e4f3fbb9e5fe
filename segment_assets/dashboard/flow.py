"""People's way through the doors: per segment and destination, where everybody of an audience stands.

Belongs here: the sections `flow` and `deliveries`. Not here: sections about what the campaign did (`measurement`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.dashboard import charts, look
from segment_assets.dashboard.figures import number, percent
from segment_assets.dashboard.parts import Numbers, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.dashboard.figures import Audience, Figures, Row

# Door -> what the page calls it; together they are the whole audience. Best first.
PARTS = {
    "acknowledged": ("on the platform", look.BLUE),
    "unproven": ("sent, not proven yet", look.SKY),
    "unsent": ("not sent yet", look.GREEN),
    "refused": ("refused by the platform", look.VERMILION),
    "taken_out": ("taken out since", look.MUTED),
    "no_usable_key": ("no usable key", look.PURPLE),
    "held_out": ("held out (experiment)", look.ORANGE),
    "no_consent": ("no consent", look.LIGHT),
    "suppressed": ("opted out", look.DARK),
}
DOORS = ("rows_in", "quarantined_rows", "duplicates_merged", "members")
DOOR_NAMES = ("Rows in", "Quarantined", "Merged", "People")


def flow(of: Figures) -> Section:
    """Everybody of every audience, by destination; an audience that goes nowhere stands with its own doors."""
    standing = list(_standing(of))
    shown = [
        {
            "name": name,
            "label": percent(doors["acknowledged"] / total),
            "part": PARTS[door][0],
            "people": doors[door],
        }
        for name, _, doors in standing[: look.SHOWN_AUDIENCES]
        for total in [sum(doors.values())]
        for door in PARTS
        if doors[door]
    ]
    used = {row["part"] for row in shown}
    colours = {label: colour for label, colour in PARTS.values() if label in used}
    return Section(
        "flow",
        "Audiences",
        _flow_title(standing),
        "Where everybody of each audience stands on each platform account. Nobody is left out: every bar is the whole "
        "audience, and consent, opt-outs and the hold-out come before anything is sent.",
        [
            (
                "Audience flow by segment and destination; at the right, the share on the platform",
                charts.shares(shown, colours),
            )
        ]
        if shown
        else [],
        Numbers(
            ("Audience", *DOOR_NAMES, *(_head(label) for label, _ in PARTS.values())),
            [
                (
                    name,
                    *(number(audience.counts[door]) if audience else "unknown" for door in DOORS),
                    *(number(doors[door]) for door in PARTS),
                )
                for name, audience, doors in standing
            ],
        ),
        [
            "Rows in = quarantined + merged + people. People = the sum of the doors to the right of it.",
            "Somebody who belongs to two audiences is in both bars.",
        ],
        empty="No segment has an audience yet: nobody has arrived from the clean room or in the landing folder.",
        wide=True,
        opened=True,
    )


def _standing(of: Figures) -> Iterator[tuple[str, Audience | None, dict[str, int]]]:
    """Name, audience and people by door, of every pair, then of every audience without a pair."""
    audiences = {audience.segment: audience for audience in of.audiences}
    pairs = sorted((row for row in of.deliveries if row["audience"]), key=lambda row: (-row["audience"], _pair(row)))
    for row in pairs:
        # Doors before the audience were counted for the version that lies in the lake now, doors after it for the
        # version that was delivered last; a newer audience that is not delivered yet shows in the column People.
        yield _pair(row), audiences.get(row["segment"]), {door: row[door] or 0 for door in PARTS}
    for segment in sorted(set(audiences) - {row["segment"] for row in pairs}):
        audience = audiences[segment]
        doors = dict.fromkeys(PARTS, 0) | {
            "unsent": audience.counts["eligible"],
            **{door: audience.counts[door] for door in ("held_out", "no_consent", "suppressed")},
        }
        state = "goes nowhere yet" if audience.planned else "held: not in the plan"
        yield f"{segment} → {state}", audience, doors


def _pair(row: Row) -> str:
    return f"{row['segment']} → {row['destination']}/{row['account']}"


def _flow_title(standing: Sequence[tuple[str, Audience | None, dict[str, int]]]) -> str:
    people = {door: sum(doors[door] for _, _, doors in standing) for door in PARTS}
    total = sum(people.values())
    if not total:
        return "No audience yet"
    stopped = {door: people[door] for door in PARTS if door != "acknowledged" and people[door]}
    there = f"{percent(people['acknowledged'] / total)} of audience members are on their platform"
    if not stopped:
        return there
    most = max(stopped, key=lambda door: stopped[door])
    return f"{there}; the next largest part, {percent(people[most] / total)}: {PARTS[most][0]}"


def deliveries(of: Figures) -> Section:
    """What was sent, and what the platforms answered, over all deliveries."""
    rows = sorted(of.deliveries, key=_pair)
    answers = (
        ("accepted_in_total", "accepted", look.BLUE),
        ("unproven_in_total", "not proven", look.SKY),
        ("rejected_in_total", "rejected", look.VERMILION),
    )
    bars: list[dict[str, Any]] = [
        {
            "name": _pair(row),
            "label": f"{number(sum(row[column] or 0 for column, _, _ in answers))}",
            "part": part,
            "people": row[column],
        }
        for row in rows[: look.SHOWN_AUDIENCES]
        for column, part, _ in answers
        if row[column]
    ]
    used = {bar["part"] for bar in bars}
    colours = {part: colour for _, part, colour in answers if part in used}
    chart = charts.shares(bars, colours, axis_title="share of people sent (%)") if bars else None
    return Section(
        "deliveries",
        "Activation",
        _delivery_title(rows),
        "All additions and changes since the first delivery, by the platform's own evidence. Accepted means that an "
        "answer proved it, not that a request returned.",
        [("Answers of the platforms; at the right, additions and changes sent", chart)] if chart is not None else [],
        Numbers(
            ("Audience", "Deliveries", "Last ended (UTC)", "Wanted", "On the platform", "Accepted", "Rejected",
             "Not proven", "Removed", "Requests"),
            [
                (
                    _pair(row),
                    number(row["deliveries"]),
                    f"{row['last_closed_at']:%Y-%m-%d %H:%M}",
                    *(
                        number(row[column] or 0)
                        for column in ("wanted", "acknowledged", "accepted_in_total", "rejected_in_total",
                                       "unproven_in_total", "removed_in_total", "requests_in_total")
                    ),
                )
                for row in rows
            ],
        ),
        empty="No platform has answered yet: nothing was sent.",
        wide=True,
    )  # fmt: skip


def _delivery_title(rows: Sequence[Row]) -> str:
    if not rows:
        return "Nothing was delivered yet"
    sums = {name: sum(row[f"{name}_in_total"] or 0 for row in rows) for name in ("accepted", "rejected", "unproven")}
    sent = sum(sums.values())
    if sent and sums["accepted"] == sent:
        return f"The platforms took everybody we sent: {number(sent)} additions and changes"
    return (
        f"Of {number(sent)} additions and changes, the platforms took {number(sums['accepted'])}, refused "
        f"{number(sums['rejected'])}, and left {number(sums['unproven'])} unproven"
    )


def _head(label: str) -> str:
    return label[:1].upper() + label[1:]
