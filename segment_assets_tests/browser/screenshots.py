"""Takes the pictures of the README from a finished demo: the dashboard, the asset graph, platform accounts.

    python -m segment_assets_tests.browser.screenshots --home <folder of a finished demo> [--into docs/images]

Belongs here: starting a web server over an existing home on a free port of loopback, and stopping it. It writes
nothing into the home but what Dagster itself does. Not here: any expectation (`test_dashboard`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import ViewportSize, sync_playwright

from segment_assets.dashboard.pictures import packed
from segment_assets.deployment import checkout

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
DESK, PHONE = ViewportSize(width=1280, height=1500), ViewportSize(width=390, height=1400)
GRAPH, PAGE = ViewportSize(width=1400, height=680), ViewportSize(width=1280, height=860)
START_SECONDS, PAGE_SECONDS = 90, 60
MOST_BYTES = 300_000


def main() -> None:
    """All pictures; ends with an error, and says why, where a page is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=checkout() / "data", help="home of a finished `make demo`")
    parser.add_argument("--into", type=Path, default=checkout() / "docs" / "images")
    told = parser.parse_args()
    told.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        taken = _dashboard(browser, told.home / "dashboards" / "index.html")
        with _webserver(told.home.resolve()) as address:
            taken |= _dagster(browser, address)
        browser.close()
    for name, picture in taken.items():
        small = packed(picture)
        if len(small) > MOST_BYTES:
            sys.exit(f"{name}.png would have {len(small):,} bytes; make it smaller before it goes into the README")
        (told.into / f"{name}.png").write_bytes(small)
        sys.stdout.write(f"{told.into / name}.png ({len(small) // 1024} KB)\n")


@contextlib.contextmanager
def _watched(browser: Browser, size: ViewportSize, own: str) -> Iterator[Page]:
    """A page that may complain of nothing and load nothing from elsewhere."""
    page = browser.new_page(viewport=size)
    page.set_default_timeout(PAGE_SECONDS * 1000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((own, "data:", "blob:")) else wrong.append(asked.url))
    yield page
    page.close()
    if wrong:
        sys.exit(f"{own}: {'; '.join(wrong)}")


def _dashboard(browser: Browser, page_file: Path) -> dict[str, bytes]:
    taken = {}
    own = page_file.resolve().as_uri()
    for name, size in (("dashboard", DESK), ("dashboard_phone", PHONE)):
        with _watched(browser, size, own) as page:
            page.goto(own)
            page.wait_for_function(
                "document.querySelectorAll('.chart').length === document.querySelectorAll('.chart[data-drawn]').length"
            )
            taken[name] = page.screenshot()
    return taken


@contextlib.contextmanager
def _webserver(home: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "SEGMENT_ASSETS_HOME": str(home)}
    with subprocess.Popen(
        [*command, "--read-only"], cwd=checkout(), env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/server_info", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit("dagster-webserver ended at once; run it by hand to see why")
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(address, timeout=2):
            return
        time.sleep(0.5)
    sys.exit(f"dagster-webserver did not answer within {START_SECONDS} s")


def _dagster(browser: Browser, address: str) -> dict[str, bytes]:
    taken = {}
    with _watched(browser, GRAPH, address) as page:
        page.goto(f"{address}/asset-groups")
        page.get_by_text("dashboards", exact=True).locator("visible=true").first.wait_for()
        # The names of the groups stand in the graph: the list beside it only takes its room.
        page.locator("[aria-label=panel_show_right]:visible").last.click()
        page.get_by_text("Hide navigation").click()
        _at_rest(page)
        # Fits the graph into the room that there is now.
        page.mouse.dblclick(GRAPH["width"] / 2, GRAPH["height"] - 60)
        taken["asset_graph"] = _at_rest(page)
    with _watched(browser, PAGE, address) as page:
        page.goto(f"{address}/assets/activation/meta/lumen_eu?view=partitions&partition=exposed_non_converters")
        page.get_by_text("people in the audience").wait_for()
        page.get_by_text("Hide navigation").click()
        taken["activation"] = _at_rest(page)
        page.goto(f"{address}/assets/activation/google/lumen_ads?view=overview")
        page.get_by_text("emailAddress").first.wait_for()
        taken["platform_fields"] = _at_rest(page)
    return taken


def _at_rest(page: Page) -> bytes:
    """A picture of the page when two in a row are the same: graphs are laid out in a worker, and parts slide in."""
    before = b""
    deadline = time.monotonic() + PAGE_SECONDS
    while time.monotonic() < deadline:
        page.wait_for_timeout(1_500)
        now = page.screenshot(animations="disabled")
        if now == before:
            return now
        before = now
    sys.exit(f"{page.url} does not come to rest within {PAGE_SECONDS} s")


if __name__ == "__main__":
    main()
