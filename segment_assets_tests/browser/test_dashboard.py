"""The dashboard as a reader sees it, on a desk and on a phone."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

DESK, PHONE = (1280, 900), (390, 844)
SECTIONS = ["flow", "overlap", "reach", "creatives", "bands", "profile", "deliveries"]


@dataclasses.dataclass
class Opened:
    """A page that is drawn, and what the browser had to say meanwhile."""

    page: Page
    complaints: list[str]
    requests: list[str]


@contextlib.contextmanager
def opened(browser: Browser, file: Path, size: tuple[int, int]) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    seen = Opened(page, [], [])
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    try:
        page.goto(file.as_uri())
        page.wait_for_function(
            "document.querySelectorAll('.chart').length === document.querySelectorAll('.chart[data-drawn]').length"
        )
        yield seen
    finally:
        page.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture(params=["told", "withheld"])
def file(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_the_browser_has_nothing_to_complain_of_and_asks_for_nothing_else(browser, file, size) -> None:
    with opened(browser, file, size) as seen:
        assert seen.complaints == []
        assert seen.requests == [file.as_uri()]


def test_nothing_is_wider_than_the_screen(browser, file, size) -> None:
    with opened(browser, file, size) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(table => table.open = true)")
        assert seen.page.evaluate("document.documentElement.scrollWidth") == size[0]
        too_wide = seen.page.evaluate(
            "[...document.querySelectorAll('main *:not(.table *)')]"
            ".filter(e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"
        )
        assert too_wide == []


def test_all_sections_are_there_with_a_title_and_their_numbers(browser, told, size) -> None:
    with opened(browser, told, size) as seen:
        assert seen.page.locator("section").evaluate_all("all => all.map(e => e.id)") == SECTIONS
        for section in SECTIONS:
            part = seen.page.locator(f"#{section}")
            assert len(part.locator("h2").inner_text()) > 20
            assert part.locator(".chart svg").count() >= 1
            assert part.locator("table tbody tr").count() >= 1


def test_every_axis_says_its_unit(browser, told, size) -> None:
    with opened(browser, told, size) as seen:
        for chart in seen.page.locator(".chart").all():
            titles = chart.locator(".role-axis-title text").all_text_contents()
            assert any(unit in title for title in titles for unit in ("(%)", "people", "100 =")), titles


def test_a_withheld_number_is_written_out_next_to_its_name(browser, told, size) -> None:
    with opened(browser, told, size) as seen:
        chart = seen.page.locator("#creatives .chart svg")
        assert "below threshold" in chart.text_content()
        assert "0 ·" not in chart.text_content()
        assert "Below threshold: SE." in seen.page.locator("#profile").inner_text()


def test_names_and_numbers_of_a_bar_do_not_overlap(browser, told, size) -> None:
    with opened(browser, told, size) as seen:
        boxes = seen.page.locator(".chart").evaluate_all(
            """all => all.flatMap(chart => {
                const texts = [...chart.querySelectorAll('.mark-text.role-mark text')]
                    .filter(t => t.textContent).map(t => [t.textContent, t.getBoundingClientRect()]);
                return texts.flatMap(([a, p], i) => texts.slice(i + 1)
                    .filter(([, q]) => p.left < q.right && q.left < p.right && p.top < q.bottom - 2 && q.top < p.bottom - 2)
                    .map(([b]) => a + ' | ' + b));
            })"""
        )
        assert boxes == []


def test_on_a_phone_a_table_is_a_list_of_cards_with_every_heading_at_its_number(browser, told) -> None:
    with opened(browser, told, PHONE) as seen:
        assert not seen.page.locator("#flow details[open]").count(), "tables are folded on a phone"
        seen.page.locator("#flow summary").click()
        cell = seen.page.locator("#flow td[data-label='Rows in']").first
        assert cell.evaluate("e => getComputedStyle(e, '::before').content") == '"Rows in"'
        assert cell.bounding_box()["width"] > 250
        assert cell.inner_text() == "12,744"
