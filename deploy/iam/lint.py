"""Lints the documents of a folder with parliament; 1 when it finds anything that is not explained here.

Belongs here: what is accepted, and why. Not here: the documents (`segment-assets iam`). parliament 1.6.4 needs an
environment of its own (`pip install parliament 'setuptools<81'`):

    python deploy/iam/lint.py deploy/iam
"""

# ruff: noqa: INP001, T201 - a script

from __future__ import annotations

import json
import sys
from pathlib import Path

# A key's policy stands on the key, and "*" in it is that key.
ACCEPTED = {("key.json", "RESOURCE_STAR")}


def main(folder: Path) -> int:
    """Print what is found. Trust policies have no resource and are not parliament's; settings are no policies."""
    from parliament import analyze_policy_string

    found = 0
    for file in sorted(folder.glob("*.json")):
        text = file.read_text(encoding="utf-8")
        statements = json.loads(text).get("Statement", [])
        if not statements or not all("Resource" in statement for statement in statements):
            continue
        for finding in analyze_policy_string(text).findings:
            if (file.name, finding.issue) not in ACCEPTED:
                found += 1
                print(f"{file.name}: {finding}")
    print(f"{found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
