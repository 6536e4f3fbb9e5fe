"""docs/destinations/ and docs/adding_a_destination.md say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from segment_assets.destinations import registry
from segment_assets.destinations.documentation import FOLDER, page, pages, table
from segment_assets_tests.conformance.kit.example import example_ads

WALK = FOLDER.parent / "adding_a_destination.md"
EXAMPLE = Path(example_ads.__file__)


def test_every_destination_has_a_page_that_is_up_to_date():
    again = "run: python -m segment_assets.destinations.documentation"
    assert {file.name: file.read_text("utf-8") for file in FOLDER.glob("*.md")} == {
        file.name: text for file, text in pages().items()
    }, again


def test_a_page_names_every_field_limit_and_word_of_the_contract():
    for contract in registry().values():
        text = page(contract)
        told = [sent.field for sent in contract.match_keys.values()]
        told += [word for words in contract.statements.values() for word in words]
        told += [
            f"{contract.batch_members:,}",
            f"{contract.batch_bytes:,}",
            f"{contract.minimum_members:,}",
            contract.endpoint,
        ]
        assert [one for one in told if one not in text] == []


def test_the_table_has_one_row_for_each_destination():
    rows = table(registry().values()).splitlines()[2:]
    assert [re.match(r"\| \[(\w+)]", row)[1] for row in rows] == list(registry())


def test_the_walk_through_quotes_the_example_as_it_is_and_the_example_is_short():
    source = EXAMPLE.read_text("utf-8")
    quoted = re.findall(r"```python\n(.*?)```", WALK.read_text("utf-8"), re.DOTALL)
    assert len(quoted) >= 3
    assert [part for part in quoted if part.strip() not in source] == []
    assert len(source.splitlines()) < 120
