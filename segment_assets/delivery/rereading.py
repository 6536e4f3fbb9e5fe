"""An audience keeps the readings of its match keys by which its people were sent, whatever the settings say by now.

Belongs here: which these are, speaking by them, and stopping additions by others. Not here: what a reading is
(`contracts.readings`).

Whoever leaves has to be named by the digest that was sent, so a setting that was changed under an audience would let
nobody out, and an opt-out must get through on any day.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from segment_assets.contracts import NeedsHumanError, every_form, read_as_sent
from segment_assets.delivery.ranges import filled
from segment_assets.delivery.settling import acknowledged_state
from segment_assets.delivery.wanted import FORMS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa

    from segment_assets.contracts import Contract, Destination, MatchKey
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, Pair


@dataclasses.dataclass(frozen=True, slots=True)
class Spoken:
    """How one audience is spoken of. `others` are keys that the settings of the account read otherwise by now."""

    destination: Destination
    errand: Errand
    others: tuple[MatchKey, ...] = ()


def spoken(destination: Destination, errand: Errand, ledger: AudienceLedger) -> Spoken:
    """A destination and an errand by the readings with which people were sent; as they are where nobody was."""
    contract = destination.contract
    if not contract.readings:
        return Spoken(destination, errand)
    sent = read_as_sent(contract, _sent_forms(ledger))
    others = tuple(key for key, now in contract.match_keys.items() if now != sent.match_keys[key])
    return Spoken(reread(destination, sent) if others else destination, _as_sent(errand, sent), others)


def reread(destination: Destination, contract: Contract) -> Destination:
    """The same wire format by another contract."""
    # Any: every destination is a dataclass with a field `contract` (see `destinations.Connector`).
    known: Any = destination
    return cast("Destination", dataclasses.replace(known, contract=contract))


def by_reading(records: pa.Table, contract: Contract) -> Iterator[tuple[Contract, pa.Table]]:
    """Records of many audiences (columns as in ACKNOWLEDGED) by how they were sent, with the contract that says so.

    Every record is read as Python values: for few of them.
    """
    if not contract.readings:
        yield contract, records
        return
    found: dict[tuple[str, ...], tuple[Contract, list[int]]] = {}
    for place, row in enumerate(records.select(sorted(every_form(contract))).to_pylist()):
        sent = read_as_sent(contract, [form for form, cell in row.items() if cell is not None])
        found.setdefault(sent.forms(), (sent, []))[1].append(place)
    for sent, places in found.values():
        yield sent, records.take(places)


def _sent_forms(ledger: AudienceLedger) -> Collection[str]:
    """Columns by which people of the audience were sent, or are on their way."""
    log = ledger.last()
    if log is not None and log.closed is None:
        return [str(form) for form in log.header["forms"]]
    state = acknowledged_state(ledger.lake, ledger)
    return filled(ledger.lake.dataset(state), FORMS) if state is not None and state.rows else ()


def _as_sent(errand: Errand, contract: Contract) -> Errand:
    """The errand by the readings of `contract`: the same keys, in other columns."""
    wanted = errand.wanted
    instead = {sent.form: contract.match_keys[key].form for key, sent in wanted.contract.match_keys.items()}
    ours = dataclasses.replace(wanted.contract, match_keys=contract.match_keys)
    forms = [instead.get(form, form) for form in wanted.forms]
    return dataclasses.replace(errand, wanted=dataclasses.replace(wanted, contract=ours, forms=forms))


def refuse_another_reading(pair: Pair, keys: Sequence[MatchKey]) -> None:
    """Stop people from being added where the account's settings read keys otherwise than the audience was sent.

    Who said no is taken out either way. Raises NeedsHumanError.
    """
    if keys:
        raise NeedsHumanError(
            f"{pair}: the account's settings read {', '.join(keys)} otherwise than those who are there were sent, and "
            "an audience never mixes two. Nobody is added. Set it back; then, for the other reading, end the "
            "activation with on_removal: delete or empty, change the setting, and name it again"
        )
