"""The room as a whole: names that other rooms rely on, examples that run, imports that stay cheap and pure."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from segment_assets import identity, tables
from segment_assets.contracts import PermanentError, every_form
from segment_assets.destinations import registry
from segment_assets.identity import NORMAL_FORMS, MatchKey, pseudonym

MODULES = [f"{identity.__name__}.{module.name}" for module in pkgutil.iter_modules(identity.__path__)]


def test_the_hashed_audience_has_the_forms_of_the_connected_destinations_in_order():
    needed = {name for contract in registry().values() for name in every_form(contract)}
    columns = tables.HASHED_AUDIENCE.column_names()
    assert columns[columns.index("email") :] == [name for name in NORMAL_FORMS if name in needed]
    assert 0 < len(needed) < len(NORMAL_FORMS)


def test_each_form_hashes_exactly_where_the_table_has_a_digest():
    forms = [column for column in tables.HASHED_AUDIENCE.columns if column.name in NORMAL_FORMS]
    assert [NORMAL_FORMS[column.name].hashed for column in forms] == [
        column.type is tables.Type.DIGEST for column in forms
    ]


def test_the_forms_of_the_hashed_audience_read_declared_identifier_columns():
    read = {NORMAL_FORMS[name].column for name in tables.HASHED_AUDIENCE.column_names() if name in NORMAL_FORMS}
    assert read == {column.name for column in tables.IDENTIFIER_COLUMNS}


def test_every_match_key_has_a_form():
    assert {form.match_key for form in NORMAL_FORMS.values()} == set(MatchKey)


def test_a_refined_form_follows_its_base_which_is_none_itself_and_reads_the_same_column():
    names = list(NORMAL_FORMS)
    refined = [form for form in NORMAL_FORMS.values() if form.base]
    assert len(refined) > 5
    for form in refined:
        assert names.index(form.base) < names.index(form.name)
        assert NORMAL_FORMS[form.base].column == form.column
        assert not NORMAL_FORMS[form.base].base


def test_every_form_says_where_its_rule_is_published():
    assert all(form.source.startswith("https://") and form.version >= 1 for form in NORMAL_FORMS.values())


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder()
    examples = [e for name in MODULES for t in finder.find(importlib.import_module(name)) for e in t.examples]
    assert len(examples) >= 25


def test_importing_the_room_loads_nothing_heavy_and_nothing_of_the_outside():
    heavy = {"pandas", "pyarrow", "duckdb", "numpy", "phonenumbers", "dagster", "boto3", "faker", "pycountry"}
    code = "import sys, segment_assets.identity; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_a_pseudonym_depends_on_the_key_and_on_where_the_parts_end():
    assert len(pseudonym(b"key", "a", "b")) == 32
    assert pseudonym(b"key", "a", "b") == pseudonym(b"key", "a", "b")
    different = [(b"key", ("a", "b")), (b"yek", ("a", "b")), (b"key", ("ab",)), (b"key", ("a", "b", "")), (b"key", ())]
    assert len({pseudonym(key, *parts) for key, parts in different}) == len(different)


def test_an_empty_key_is_refused_because_the_pseudonym_would_be_a_plain_hash():
    with pytest.raises(PermanentError, match="key is empty"):
        pseudonym(b"", "a")
