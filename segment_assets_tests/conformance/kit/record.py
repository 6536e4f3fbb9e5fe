"""What the kit has to know about a destination beside its contract, and which destinations there are.

Belongs here: the record and how it is found. Not here: what is proven (`test_*`).
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from segment_assets import destinations
from segment_assets.contracts import Encoding, Mode, read_by
from segment_assets.delivery.preview import placeholder_statements
from segment_assets_tests.conformance.kit import platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from httpx import BaseTransport

    from segment_assets.contracts import Contract, Destination, Sent
    from segment_assets.resources.transport import HttpTransport
    from segment_assets.sandbox.platforms.kit.exchange import Platform


def written(value: bytes | str, sent: Sent) -> str:
    """A value as the platform has it on the wire, and as its sandbox shows it."""
    if isinstance(value, str):
        return value
    return base64.b64encode(value).decode() if sent.encoding is Encoding.SHA256_BASE64 else value.hex()


@dataclasses.dataclass(frozen=True)
class Record:
    """One destination in the kit. Only the account is needed where the sandbox's platform uses the sandbox's kit.

    `account`, `settings`: of an account that the sandbox has on a first start. `statements`: the plan's words, without
    them the first that the contract takes.
    `later`: seconds on the sandbox's clock after which jobs have ended (contracts with `follow`).
    `poison`, `throttle`: fault rules of the sandbox; identifiers and the place of the call are filled in.
    `written`: a cell as it is on the wire and in the sandbox.
    `held`: a cell as it is on the wire and in the sandbox where the request of the connector has it otherwise.
    `carried`: the whole way to the platform, made of the transport and of how its bytes travel.
    `refuses_more_members`: the platform refuses a request with one member more than the contract's `batch_members`;
    False, with a comment that gives the source, where the limit is ours.
    `names_refused`: the platform tells whom it will not have; False, with a comment, where it passes over them.
    `published`: the platform's own numbers, copied from its facts and not from the contract: `batch_members`,
    `batch_bytes`, `quota` (requests, seconds, and requests a day where they are told), `minimum_members`,
    `expiry_days`, `first_party_only`, and whatever else of the contract is worth a second entry. `not_published` are
    those of them that no page of the platform gives, and `chosen` what we took for some of these, so that nobody
    changes them unnoticed.
    `limits`: what `more_limits` of the contract has to say, a second time: (what is counted, of each what) -> the most,
    or the least and the most. A comment gives the source, or says that the number is ours.
    `lists`: how many audiences the connector makes for one of ours (one per lane on some platforms).
    `switches`: of the sandbox's platform, where the kit's few people would not do.
    `mode`: of the kit's activation, `replace` for a platform that takes nobody out by a call of its own.
    `connector`, `platform`: for a destination that is not in the package.
    """

    destination: str
    account: str
    published: Mapping[str, object]
    not_published: frozenset[str] = frozenset()
    chosen: Mapping[str, object] = dataclasses.field(default_factory=dict)
    limits: Mapping[tuple[str, str], int | tuple[int, int]] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    statements: Mapping[str, str] | None = None
    later: float = 3_600.0
    poison: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"kind": "poison"})
    throttle: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"kind": "throttle"})
    written: Callable[[bytes | str, Sent], str] = written
    held: Callable[[bytes | str, Sent], str] | None = None
    carried: Callable[[HttpTransport, BaseTransport, Destination], Any] = lambda transport, line, destination: transport
    refuses_more_members: bool = True
    names_refused: bool = True
    lists: int = 1
    switches: Mapping[str, object] = dataclasses.field(default_factory=dict)
    mode: Mode = Mode.MIRROR
    connector: ModuleType | None = None
    platform: Callable[[], Platform] | None = None

    @property
    def contract(self) -> Contract:
        """By the readings of `settings`."""
        known = self.connector.CONTRACT if self.connector else destinations.registry()[self.destination]
        return read_by(known, self.settings)

    @property
    def said(self) -> Mapping[str, str]:
        """The plan's statements."""
        return placeholder_statements(self.contract, self.statements)

    def connect(self, **changed: object) -> Destination:
        """The wire format, with some of its contract changed (batch sizes that a test can afford)."""
        to = self.connector.connect if self.connector else None
        arguments = (self.account, self.settings, self.said)
        found = to(*arguments) if to else destinations.connect(self.destination, *arguments)
        return dataclasses.replace(found, contract=dataclasses.replace(found.contract, **changed))


def records() -> Sequence[Record]:
    """One of each, by name."""
    names = [found.name for found in pkgutil.iter_modules(platforms.__path__)]
    found = [importlib.import_module(f"{platforms.__name__}.{name}").RECORD for name in names]
    return sorted(found, key=lambda record: record.destination)
