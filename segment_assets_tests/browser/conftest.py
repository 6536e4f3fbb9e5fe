"""One headless Chromium per module, and the example page on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_assets.dashboard import page
from segment_assets_tests.browser import example

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = "/usr/bin/chromium"


# Not for the session: while it is open, an event loop runs in this thread and Dagster's own `asyncio.run` fails.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything on it."""
    return _written(tmp_path_factory.mktemp("page") / "told.html", page(example.figures()))


@pytest.fixture(scope="session")
def withheld(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of which the clean room told nothing, and a segment with a name that is long and wants to be markup."""
    name = "<b>" + "customers_of_the_autumn_" * 6
    return _written(
        tmp_path_factory.mktemp("page") / "withheld.html", page(example.figures(nothing_told=True, segment=name))
    )


def _written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file
