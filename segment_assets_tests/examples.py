"""How many examples the dearest property tests try: few in the suite, more where somebody has the time.

SEGMENT_ASSETS_MORE_EXAMPLES=20 pytest --timeout=0 tries twenty times as many.
"""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("SEGMENT_ASSETS_MORE_EXAMPLES", "1"))


def examples(few: int) -> int:
    """`few`, or a multiple of it where the environment asks for more."""
    return few * _TIMES
