"""The collaboration as configuration: `collaboration.json`, in the shapes of the Clean Rooms API.

Belongs here: data, and reading it. Not here: what a valid collaboration is (`privacy.collaboration`).
`configuredTable`, `analysisRule` and `association` are the inputs of CreateConfiguredTable,
CreateConfiguredTableAnalysisRule and CreateConfiguredTableAssociation without the ids that AWS hands out;
`collaboration` is the input of CreateCollaboration by the account `creatorAccountId`.
"""

from __future__ import annotations

import importlib.resources
import json
from typing import Any


def document() -> dict[str, Any]:
    """The configuration as it is in the file."""
    text = importlib.resources.files(__name__).joinpath("collaboration.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
