"""Takes the pictures of the README from a running demo: the dashboard, the asset graph, one platform account.

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

from playwright.sync_api import sync_playwright

from segment_assets.deployment import checkout

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
START_SECONDS = 90


def main() -> None:
    """All pictures, or those that the home has something for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=checkout() / "data", help="home of a finished `make demo`")
    parser.add_argument("--into", type=Path, default=checkout() / "docs" / "images")
    told = parser.parse_args()
    told.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        _dashboard(browser, told.home / "dashboards" / "index.html", told.into)
        with _webserver(told.home.resolve()) as address:
            _dagster(browser, address, told.into)
        browser.close()
    for picture in sorted(told.into.glob("*.png")):
        sys.stdout.write(f"{picture} ({picture.stat().st_size // 1024} KB)\n")


def _dashboard(browser: Browser, page_file: Path, into: Path) -> None:
    for name, size in (("dashboard", DESK), ("dashboard_phone", PHONE)):
        page = browser.new_page(viewport=size)
        page.goto(page_file.resolve().as_uri())
        page.wait_for_selector(".chart[data-drawn]")
        page.wait_for_timeout(500)
        page.screenshot(path=into / f"{name}.png", full_page=size is DESK)
        page.close()


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


def _dagster(browser: Browser, address: str, into: Path) -> None:
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/asset-groups")
    _settled(page)
    if not page.get_by_text("dashboards", exact=True).count():
        sys.exit("the code location does not load; `dagster definitions validate -w workspace.yaml` says why")
    for name, path in (
        ("asset_graph", "/asset-groups"),
        ("activation", "/assets/activation/meta/lumen_eu?view=partitions&partition=exposed_non_converters"),
        ("dashboard_asset", "/assets/dashboards/road?view=overview"),
    ):
        page.goto(f"{address}{path}")
        _settled(page)
        page.screenshot(path=into / f"{name}.png")
    context.close()


def _settled(page: Page) -> None:
    """A graph is laid out in a worker after the last request, and a first visit is greeted with a dialogue."""
    with contextlib.suppress(Exception):
        page.wait_for_load_state("networkidle", timeout=15_000)
    page.wait_for_timeout(2_500)
    skip = page.get_by_role("button", name="Skip")
    if skip.count():
        skip.first.click()
        page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
