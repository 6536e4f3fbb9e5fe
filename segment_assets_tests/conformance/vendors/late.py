"""A module that is imported when it is first asked for something."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class Late:
    """Stands for the module of this name. Raises ImportError as the module's import does, when it is used."""

    module: str

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.module), name)
