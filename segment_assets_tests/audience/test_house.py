"""The room keeps the rules of the house: cheap to import, and no word of a person in an error."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

from segment_assets.audience import headers, text_files

HEAVY = ("pyarrow", "duckdb", "numpy", "pandas", "phonenumbers", "dagster", "boto3", "charset_normalizer")


def test_importing_the_room_imports_nothing_heavy():
    code = f"import sys, segment_assets.audience; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", [headers, text_files])
def test_the_examples_in_docstrings_hold(module):
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
