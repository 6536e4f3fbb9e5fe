"""The tables of docs/aws.md that are made from declarations, and the example documents in deploy/iam.

Belongs here: the tables, putting them into the page, writing the example. Not here: any fact. Made again with
`python -m segment_assets.worlds.documentation`; a test says when it is due.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.aws_settings import AwsSettings
from segment_assets.iam import documents
from segment_assets.iam.duties import DUTIES, doctor
from segment_assets.iam.grants import actions_of
from segment_assets.iam.site import Site
from segment_assets.plan import load_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECKOUT = Path(__file__).parents[2]
PAGE = _CHECKOUT / "docs" / "aws.md"
EXAMPLE = _CHECKOUT / "deploy" / "iam"
_PART = "<!-- {name}: made by python -m segment_assets.worlds.documentation -->"
_END = "<!-- end -->"


def variables() -> str:
    """Every variable of the AWS world."""
    rows = [(f"`{name}`", "yes" if needed else "", meaning) for name, meaning, needed in AwsSettings.variables()]
    return _table(("variable", "must be set", "what it says"), rows)


def actions(site: Site) -> str:
    """What each duty may do, service by service; `+` before what AWS asks behind our calls."""
    rows = []
    for duty, grants in {**DUTIES, "doctor": doctor}.items():
        ours = {action for grant in grants(site) for call in grant.calls for action in actions_of(call)}
        behind = {action for grant in grants(site) for action in grant.also} - ours
        by_service: dict[str, list[str]] = {}
        for action in sorted(ours | behind):
            service, _, name = action.partition(":")
            by_service.setdefault(service, []).append(f"+{name}" if action in behind else name)
        rows += [(duty, service, " ".join(names)) for service, names in by_service.items()]
    return _table(("duty", "service", "actions"), rows)


def page(text: str, site: Site) -> str:
    """The page with its tables as they are declared now."""
    for name, table in {"variables": variables(), "actions": actions(site)}.items():
        start = re.escape(_PART.format(name=name))
        text = re.sub(rf"({start}\n).*?({re.escape(_END)})", rf"\g<1>{_escaped(table)}\n\g<2>", text, flags=re.DOTALL)
    return text


def told() -> dict[str, str]:
    """The variables of the example, which is nobody's deployment."""
    lines = (EXAMPLE / "example.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def example() -> Site:
    """The deployment that deploy/iam is written for."""
    return Site(
        account="123456789012",
        settings=AwsSettings.from_env(told()),
        plan=load_plan(None),
        runtime="arn:aws:iam::123456789012:role/segment-assets-runtime",
        account_data=("s3://lumen-own/crm",),
    )


def main() -> None:
    """Write the page and the example again."""
    site = example()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), site), encoding="utf-8")
    for old in EXAMPLE.glob("*.json"):
        old.unlink()
    for name, made in documents(site).items():
        (EXAMPLE / name).write_text(f"{json.dumps(made, indent=2)}\n", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '/').replace('<', '&lt;') for cell in line)} |" for line in lines
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


if __name__ == "__main__":
    main()
