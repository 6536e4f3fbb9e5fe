"""A page itself: one HTML file that needs nothing but a browser.

Belongs here: putting sections, numbers and the chart library into the template. Not here: what is said (`pages`,
`planning`, `measurement`, `flow`). Every text from outside is escaped: names of segments come from folders that anybody
may name.
"""

from __future__ import annotations

import html
import importlib.resources
import json
import string
from typing import TYPE_CHECKING

from segment_assets.dashboard.figures import newest, number, week_name
from segment_assets.dashboard.library import chart_library
from segment_assets.dashboard.pages import PAGES, ROAD
from segment_assets.dashboard.parts import capital
from segment_assets.dashboard.pictures import png

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.dashboard.charts import Chart
    from segment_assets.dashboard.figures import Figures
    from segment_assets.dashboard.pages import Page
    from segment_assets.dashboard.parts import Numbers, Section

# Columns of a table that has the page's width, and of one in half of it.
_MOST_COLUMNS, _MOST_IN_HALF = 13, 6
NOTHING = "There are no numbers for this yet."


def page(figures: Figures, of: Page = ROAD) -> str:
    """A page as text. Equal figures give equal text. The chart library is bundled into it."""
    parts = of.sections_of(figures)
    template = importlib.resources.files("segment_assets.dashboard").joinpath("page.html").read_text("utf-8")
    # Tests validate every chart; here it would take most of the time.
    specifications = {
        _place(part, n): chart.to_dict(validate=False) for part in parts for n, (_, chart) in enumerate(_charts(part))
    }
    return string.Template(template).substitute(
        title=_safe(f"{figures.tenant}: {of.title}"),
        subtitle=_safe(_subtitle(figures, of)),
        menu="\n".join(_menu(of)),
        cards=f'<ul class="cards">{"".join(_cards(figures))}</ul>' if of is ROAD else "",
        sections="\n".join(_section(part) for part in parts),
        library=_in_script(chart_library()),
        specifications=_in_json(json.dumps(specifications, sort_keys=True)),
    )


def previews(figures: Figures, of: Page = ROAD) -> dict[str, bytes]:
    """Title -> a small PNG, of the charts that say most at a glance and can be drawn now."""
    chosen = [part for part in of.sections_of(figures) if part.id in of.previews]
    return {part.title: png(chart) for part in chosen for _, chart in _charts(part)[:1]}


def _charts(part: Section) -> Sequence[tuple[str, Chart]]:
    """Without rows there is nothing to draw but an empty frame."""
    return part.charts if part.numbers.rows else ()


def _menu(current: Page) -> Iterator[str]:
    """By relative names of files, so that a folder of pages can be moved or mailed as it is."""
    for other in PAGES.values():
        here = ' aria-current="page"' if other is current else ""
        yield f'<a href="{other.file}"{here}>{_safe(other.menu)}</a>'


def _subtitle(figures: Figures, of: Page) -> str:
    rows = [*figures.overlap, *(row for table in of.tables() for row in figures.tables.get(table, ()))]
    weeks = [row["reporting_week"] for row in rows if "reporting_week" in row]
    ended = [row["last_closed_at"] for row in figures.deliveries if row["last_closed_at"]]
    told = [f"Newest reporting week: {week_name(max(weeks))}" if weeks else "No reporting week yet"]
    if of.deliveries:
        when = f"last delivery ended {max(ended):%Y-%m-%d %H:%M} UTC" if ended else "nothing delivered yet"
        told = [when] if of.panels() else [*told, when]
    return capital(" · ".join(told))


def _cards(figures: Figures) -> Iterator[str]:
    week = next(iter(newest(figures.overlap)), None)
    if week is not None:
        yield _card(number(week["customers"]), "customers with a join key")
        yield _card(number(week["exposed_customers"]), "reached on the publisher in the newest week")
        yield _card(number(week["matched_converters"]), "converted after an impression in that week")
    there = sum(row["acknowledged"] or 0 for row in figures.deliveries)
    yield _card(number(there), f"memberships confirmed in {len(figures.deliveries)} platform audiences")


def _card(value: str, what: str) -> str:
    kind = "" if value[:1].isdigit() else ' class="text"'
    return f"<li><strong{kind}>{_safe(value)}</strong><span>{_safe(what)}</span></li>"


def _section(part: Section) -> str:
    drawn = "".join(
        f'<figure>{f"<h3>{_safe(what)}</h3>" if what else ""}<div class="chart" id="{_place(part, n)}" role="img" '
        f'aria-label="{_safe(f"{part.title} {part.alternative or what}")}"></div></figure>'
        for n, (what, _) in enumerate(_charts(part))
    )
    shown = f'<div class="charts">{drawn}</div>' if drawn else f'<p class="empty">{_safe(part.empty or NOTHING)}</p>'
    notes = "".join(f'<p class="note">{_safe(note)}</p>' for note in part.notes)
    opened = " open" if part.opened else ""
    wide = ' class="wide"' if part.wide else ""
    lead = f'<p class="lead">{_safe(part.lead)}</p>' if part.lead else ""
    numbers = f"<details{opened}><summary>The numbers</summary>{_table(part.numbers, wide=part.wide)}</details>"
    return (
        f'<section id="{part.id}"{wide}><div class="area">{_safe(part.area)}</div><h2>{_safe(part.title)}</h2>'
        f"{lead}{shown}{notes}{numbers if part.numbers.rows else ''}</section>"
    )


def _table(numbers: Numbers, *, wide: bool) -> str:
    head = "".join(f'<th scope="col">{_safe(column)}</th>' for column in numbers.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{_safe(column)}">{_safe(cell)}</td>'
            for column, cell in zip(numbers.columns, row, strict=True)
        )
        + "</tr>"
        for row in numbers.rows
    )
    # Wider than any screen: a card for each row, as on a phone.
    shape = "table long" if len(numbers.columns) > (_MOST_COLUMNS if wide else _MOST_IN_HALF) else "table"
    return f'<div class="{shape}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _place(part: Section, number_of_chart: int) -> str:
    return f"chart-{part.id}-{number_of_chart}"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _in_json(text: str) -> str:
    """JSON inside a script element: no `<` may be read as the end of it."""
    return text.replace("<", "\\u003c")


def _in_script(text: str) -> str:
    """JavaScript inside a script element: in its strings, an escaped slash is the same as a plain one."""
    return text.replace("</script", "<\\/script")
