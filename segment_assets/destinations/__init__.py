"""One file per platform: its contract, declared, and the few functions in which its wire format differs.

Belongs here: what a platform accepts and how it speaks. Not here: pacing, retries, batches, receipts (`delivery`).
A module of this package that has CONTRACT and `connect` is a destination; there is no list to edit. How to add one:
docs/adding_a_destination.md.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol, cast

from segment_assets.contracts import PermanentError, read_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from segment_assets.contracts import Contract, Destination


class Connector(Protocol):
    """What a module of a destination has."""

    CONTRACT: Contract

    def connect(self, account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> Destination:
        """The wire format for one account: `settings` of the account, `statements` of the activation in the plan.

        A dataclass with a field `contract`, into which the readings that the settings choose are put afterwards. Raises
        PermanentError for an account or setting that the platform cannot have. Nothing is sent.
        """
        ...


def registry() -> Mapping[str, Contract]:
    """Contracts of all platforms by the name that the plan uses, sorted by it."""
    return {name: connector.CONTRACT for name, connector in _connectors().items()}


def connect(
    destination: str,
    account: str,
    settings: Mapping[str, str] | None = None,
    statements: Mapping[str, str] | None = None,
) -> Destination:
    """A platform's wire format for one account. Raises PermanentError as `Connector.connect` does."""
    connector = _connectors().get(destination)
    if connector is None:
        raise PermanentError(f"{destination}: no wire format for this destination in this version")
    made: Any = connector.connect(account, settings or {}, statements or {})
    if made.contract.readings:
        made = dataclasses.replace(made, contract=read_by(made.contract, settings or {}))
    return cast("Destination", made)


def contract_of(destination: str, account: str, settings: Mapping[str, str]) -> Contract:
    """The contract of one account, whose settings may change it. Raises PermanentError as `connect` does."""
    return connect(destination, account, settings).contract


def field_of(destination: str, name: str) -> str | None:
    """The field that an audience of this name has to itself on a platform that keeps audiences as fields of people.

    None on every other platform. Empty where the name gives no field. A connector has the function `field_of` where its
    audiences are such fields: nothing of ours is in their names, so two audiences must not have the same.
    """
    made = getattr(_connectors()[destination], "field_of", None)
    return cast("str", made(name)) if made else None


def module_of(destination: str) -> ModuleType:
    """The module of a destination of the registry."""
    return cast("ModuleType", _connectors()[destination])


@functools.cache
def _connectors() -> Mapping[str, Connector]:
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    connectors = [cast("Connector", module) for module in modules if hasattr(module, "CONTRACT")]
    return {one.CONTRACT.platform: one for one in sorted(connectors, key=lambda one: one.CONTRACT.platform)}
