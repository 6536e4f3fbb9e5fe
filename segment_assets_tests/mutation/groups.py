"""Which modules are broken together, and which tests have to notice it.

Belongs here: names of files and of tests. Not here: what is broken (`mutants`), trying it (`trying`). Nothing of our
package is loaded: forks load it broken.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "segment_assets_tests"
DESTINATIONS = ROOT / "segment_assets" / "destinations"
PACKAGE = "segment_assets.destinations"
# The list of destinations, and the pages about them. What is said of a setting that nobody has is a sentence.
SAY_NOTHING = frozenset({"__init__", "documentation", "settings"})


def source_of(stem: str) -> str:
    """The text of a module of the package."""
    return (DESTINATIONS / f"{stem}.py").read_text("utf-8")


def contract_of(tree: ast.Module) -> ast.stmt:
    """The statement that makes CONTRACT. Raises LookupError in a module that is no destination."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "CONTRACT" for one in targets):
            return statement
    raise LookupError("this module makes no CONTRACT")


@functools.cache
def destinations() -> tuple[str, ...]:
    """Modules that are a destination."""
    return tuple(stem for stem in _stems() if re.search(r"^CONTRACT\b", source_of(stem), re.MULTILINE))


def groups() -> dict[str, list[str]]:
    """Modules by the name under which they are broken and tested: destinations first, then what these share."""
    found: dict[str, list[str]] = {name: [] for name in destinations()}
    for stem in _stems():
        # amc_data is a destination of its own, and no part of amc.
        owners = [name for name in found if stem == name or stem.startswith(f"{name}_")]
        found.setdefault(max(owners, key=len, default=stem), []).append(stem)
    return found


def users(group: str) -> list[str]:
    """Destinations that load a module of a group which is none itself."""
    every = groups()
    loads = re.compile(rf"^from {PACKAGE}\.({'|'.join(every[group])}) import", re.MULTILINE)
    return [name for name in destinations() if any(loads.search(source_of(stem)) for stem in every[name])]


@functools.cache
def tests_of(group: str) -> tuple[list[str], ...]:
    """Arguments of pytest for each round: the group's own files by convention (test_<group>*.py), then what tests all
    destinations and costs more. What is shared is tried by the files of all its users, and by the kit of the first: of
    ten it would take longer than a mutant may. What proves the sandbox only is left out.
    """
    kit = str(TESTS / "conformance" / "kit")
    if group in destinations():
        return ([*_own(group), str(TESTS / "destinations" / "test_sizes.py")], ["-k", group, kit])
    named = users(group)
    theirs = sorted({file for name in named for file in _own(name)})
    return tuple(one for one in (_own(group), theirs, ["-k", named[0], kit]) if one)


def _own(name: str) -> list[str]:
    named = [file for folder in ("destinations", "conformance") for file in (TESTS / folder).glob(f"test_{name}*.py")]
    return [str(file) for file in sorted(named) if not file.stem.endswith(("_sandbox", "_road"))]


def _stems() -> list[str]:
    return [file.stem for file in sorted(DESTINATIONS.glob("*.py")) if file.stem not in SAY_NOTHING]
