"""The dashboard as a reader sees it, on a desk and on a phone."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
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


Open = Callable[[Path, tuple[int, int]], Opened]


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a file once for each size: drawing takes seconds, and the tests leave a page as they find it."""
    pages: dict[tuple[Path, tuple[int, int]], Opened] = {}

    def open_once(file: Path, size: tuple[int, int]) -> Opened:
        if (file, size) not in pages:
            pages[file, size] = _open(browser, file, size)
        return pages[file, size]

    yield open_once
    for seen in pages.values():
        seen.page.close()


def _open(browser: Browser, file: Path, size: tuple[int, int]) -> Opened:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    seen = Opened(page, [], [])
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function(
        "document.querySelectorAll('.chart').length === document.querySelectorAll('.chart[data-drawn]').length"
    )
    return seen


@contextlib.contextmanager
def folded_out(page: Page, tables: str = "details") -> Iterator[None]:
    """Open tables that are folded, and fold those again."""
    folded = page.locator(f"{tables}:not([open])")
    handles = folded.element_handles()
    for handle in handles:
        handle.evaluate("table => table.open = true")
    try:
        yield
    finally:
        for handle in handles:
            handle.evaluate("table => table.open = false")


@pytest.fixture(scope="module", params=[DESK, PHONE], ids=["desk", "phone"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture(scope="module", params=["told", "withheld"])
def file(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_the_browser_has_nothing_to_complain_of_and_asks_for_nothing_else(opened, file, size) -> None:
    seen = opened(file, size)
    assert seen.complaints == []
    assert seen.requests == [file.as_uri()]


def test_nothing_is_wider_than_the_screen(opened, file, size) -> None:
    page = opened(file, size).page
    with folded_out(page):
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        too_wide = page.evaluate(
            "[...document.querySelectorAll('main *:not(.table *)')]"
            ".filter(e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"
        )
        assert too_wide == []


def test_all_sections_are_there_with_a_title_and_their_numbers(opened, told, size) -> None:
    page = opened(told, size).page
    assert page.locator("section").evaluate_all("all => all.map(e => e.id)") == SECTIONS
    for section in SECTIONS:
        part = page.locator(f"#{section}")
        assert len(part.locator("h2").inner_text()) > 20
        assert part.locator(".chart svg").count() >= 1
        assert part.locator("table tbody tr").count() >= 1


def test_every_axis_says_its_unit(opened, told, size) -> None:
    for chart in opened(told, size).page.locator(".chart").all():
        titles = chart.locator(".role-axis-title text").all_text_contents()
        assert any(unit in title for title in titles for unit in ("(%)", "people", "100 =")), titles


def test_a_withheld_number_is_written_out_next_to_its_name(opened, told, size) -> None:
    page = opened(told, size).page
    chart = page.locator("#creatives .chart svg")
    assert "below threshold" in chart.text_content()
    assert "0 ·" not in chart.text_content()
    assert "Below threshold: SE." in page.locator("#profile").inner_text()


def test_names_and_numbers_of_a_bar_do_not_overlap(opened, told, size) -> None:
    boxes = (
        opened(told, size)
        .page.locator(".chart")
        .evaluate_all(
            """all => all.flatMap(chart => {
            const texts = [...chart.querySelectorAll('.mark-text.role-mark text')]
                .filter(t => t.textContent).map(t => [t.textContent, t.getBoundingClientRect()]);
            return texts.flatMap(([a, p], i) => texts.slice(i + 1)
                .filter(([, q]) => p.left < q.right && q.left < p.right && p.top < q.bottom - 2 && q.top < p.bottom - 2)
                .map(([b]) => a + ' | ' + b));
        })"""
        )
    )
    assert boxes == []


def test_on_a_phone_a_table_is_a_list_of_cards_with_every_heading_at_its_number(opened, told) -> None:
    page = opened(told, PHONE).page
    assert not page.locator("#flow details[open]").count(), "tables are folded on a phone"
    with folded_out(page, "#flow details"):
        cell = page.locator("#flow td[data-label='Rows in']").first
        assert cell.evaluate("e => getComputedStyle(e, '::before').content") == '"Rows in"'
        assert cell.bounding_box()["width"] > 250
        assert cell.inner_text() == "12,744"


def test_a_click_folds_a_table_out_and_in_again(opened, told, size) -> None:
    page = opened(told, size).page
    summary, table = page.locator("#creatives summary"), page.locator("#creatives table")
    for visible in (True, False):
        summary.click()
        assert table.is_visible() is visible
