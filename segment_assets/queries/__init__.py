"""SQL files of the product, one folder per engine: `clean_room/` is Spark SQL, what AWS Clean Rooms runs.

Belongs here: the texts, and rendering dates into them. Not here: judging or running them.
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
# Not after a colon or a word: `a::date` and `10:30` hold no placeholder.
_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def read(name: str) -> str:
    """The text of a query by its path without suffix, for instance `clean_room/overlap`.

    Raises PermanentError when there is no such query.
    """
    file = importlib.resources.files(__name__).joinpath(f"{name}.sql")
    if not _NAME.fullmatch(name) or not file.is_file():
        raise PermanentError(f"There is no query {name!r}; look into segment_assets/queries")
    return file.read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """The queries of a folder, sorted, in the form that `read` takes."""
    files = importlib.resources.files(__name__).joinpath(folder).iterdir()
    return sorted(f"{folder}/{file.name.removesuffix('.sql')}" for file in files if file.name.endswith(".sql"))


def render(sql: str, values: Mapping[str, dt.date]) -> str:
    """Write dates in the place of `:name`, since a direct query of Clean Rooms takes no parameters.

    Raises PermanentError for a value that is not a plain date, a placeholder without a value, or a value without
    a placeholder: nothing but dates ever reaches the text.

    >>> render("SELECT a FROM t WHERE b >= :week_start", {"week_start": dt.date(2026, 1, 5)})
    "SELECT a FROM t WHERE b >= DATE '2026-01-05'"
    """
    wanted = set(_PLACEHOLDER.findall(sql))
    if wanted != set(values):
        missing, surplus = sorted(wanted - set(values)), sorted(set(values) - wanted)
        raise PermanentError(f"The query's dates do not fit: without a value {missing}, without a place {surplus}")
    for name, value in values.items():
        if type(value) is not dt.date:
            raise PermanentError(f"The value of :{name} must be a datetime.date, not {type(value).__name__}")
    return _PLACEHOLDER.sub(lambda match: f"DATE '{values[match[1]].isoformat()}'", sql)
