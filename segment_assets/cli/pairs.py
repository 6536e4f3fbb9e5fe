"""How a pair is named on the command line: as `segment-assets status` shows it, or by the platform's account number.

Belongs here: reading and writing that name. Not here: what is done with a pair.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.delivery.ledger import Pair

if TYPE_CHECKING:
    from segment_assets.plan import Plan

_NAME = re.compile(r"([^/\[\]]+)/([^/\[\]]+)(?:/([^/\[\]]+)|\[([^/\[\]]+)\])")
FORMS = "destination/account[segment] or destination/account/segment, as `segment-assets status` names it"


def pair_of(plan: Plan, text: str) -> Pair | None:
    """The pair that is meant, whether the plan activates it or not; None for a text of another form.

    The account is the plan's name of it or the platform's number.
    """
    read = _NAME.fullmatch(text.strip())
    if read is None:
        return None
    destination, account, after_slash, in_brackets = read.groups()
    known = plan.accounts.get(account)
    number = known.account if known is not None and known.destination == destination else account
    return Pair(plan.tenant, destination, number, after_slash or in_brackets)


def named(plan: Plan, pair: Pair) -> str:
    """The name of a pair, with the plan's name of the account where it has one."""
    place = (pair.destination, pair.account)
    names = (name for name, known in plan.accounts.items() if (known.destination, known.account) == place)
    return f"{pair.destination}/{next(names, pair.account)}[{pair.segment}]"
