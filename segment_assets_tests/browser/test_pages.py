"""The pages for planning, activation and measurement as a reader sees them, first on a phone, then on a desk."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_assets.dashboard import PAGES, page
from segment_assets_tests.browser import example, example_tables
from segment_assets_tests.browser.test_dashboard import DESK, PHONE, Opened, _open

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

NEW = sorted(set(PAGES) - {"road"})
# Words over words, and words that the edge of a chart cuts.
TROUBLE = """all => all.flatMap(chart => {
    const edge = chart.getBoundingClientRect();
    const words = [...chart.querySelectorAll('text')].filter(t => t.textContent && t.checkVisibility())
        .map(t => [t.textContent, t.getBoundingClientRect(), t.closest('.role-mark') !== null]);
    const cut = words.filter(([, r]) => r.left < edge.left - 1 || r.right > edge.right + 1).map(([t]) => 'cut: ' + t);
    const marks = words.filter(([,, mark]) => mark);
    const over = marks.flatMap(([a, p], i) => marks.slice(i + 1)
        .filter(([, q]) => p.left < q.right && q.left < p.right && p.top < q.bottom - 2 && q.top < p.bottom - 2)
        .map(([b]) => a + ' | ' + b));
    return [...cut, ...over];
})"""
WIDER = """() => { document.querySelectorAll('details').forEach(table => table.open = true);
    return [...document.querySelectorAll('.table')].filter(table => table.scrollWidth > table.clientWidth + 1)
        .map(table => table.closest('section').id); }"""


def written(folder: Path, name: str, *, withheld: bool) -> Path:
    rows = example_tables.withheld() if withheld else example_tables.tables()
    figures = dataclasses.replace(example.figures(nothing_told=withheld), tables=rows)
    file = folder / PAGES[name].file
    file.write_text(page(figures, PAGES[name]), encoding="utf-8")
    return file


@pytest.fixture(scope="module", params=NEW)
def told(request: pytest.FixtureRequest, browser: Browser, tmp_path_factory) -> Iterator[tuple[Path, Opened]]:
    file = written(tmp_path_factory.mktemp("pages"), request.param, withheld=False)
    seen = _open(browser, file, PHONE)
    yield file, seen
    seen.page.close()


def test_a_page_fits_a_phone_and_a_desk_with_every_word_readable(told: tuple[Path, Opened]) -> None:
    file, seen = told
    for width, height in (PHONE, DESK):
        seen.page.set_viewport_size({"width": width, "height": height})
        seen.page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every(c => Math.abs(c.clientWidth - c.querySelector('svg').width.baseVal.value) < 2)"
        )
        assert seen.page.locator(".chart").evaluate_all(TROUBLE) == []
        assert seen.page.evaluate(WIDER) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.complaints == []
    assert seen.requests == [file.as_uri()]


def test_a_page_links_to_its_neighbours_in_the_same_folder(told: tuple[Path, Opened]) -> None:
    file, seen = told
    links = seen.page.locator("nav a").evaluate_all("all => all.map(a => a.href)")
    assert links == [(file.parent / other.file).as_uri() for other in PAGES.values()]


@pytest.mark.parametrize("name", NEW)
def test_a_page_of_which_nothing_is_told_says_so_in_words(browser: Browser, tmp_path: Path, name: str) -> None:
    seen = _open(browser, written(tmp_path, name, withheld=True), PHONE)
    assert seen.complaints == []
    for panel in PAGES[name].panels():
        part = seen.page.locator(f"#{panel.id}")
        assert part.locator("svg").count() == 0
        assert part.locator(".empty").inner_text() == panel.nothing_told
    assert seen.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    seen.page.close()
