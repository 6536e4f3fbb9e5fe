"""The plan is the permission: what may be activated, where, for what, and on whose word.

Belongs here: the shape of plan.yaml and its refusal at load, with the line that is wrong.
Not here: what is done with it. Nothing may leave that this file does not name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import yaml

from segment_assets.contracts import ColumnState, MatchKey, PermanentError
from segment_assets.destinations import registry
from segment_assets.tables import IDENTIFIER_COLUMNS, SEGMENT_MEMBERS, SOURCE_PLACE

if TYPE_CHECKING:
    from segment_assets.contracts import Contract

# A segment is a partition key, a folder name and part of a platform audience's name.
SegmentName = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class PlanError(PermanentError):
    """The plan cannot be used. Each line of the message names a place in the file and what to change."""


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Use(StrEnum):
    """What a platform does with an audience: show to it, keep from it, or look for people like it."""

    TARGET = "target"
    EXCLUDE = "exclude"
    SEED = "seed"


class Provenance(StrEnum):
    """Where the people of a segment come from; platforms have rules about it."""

    FIRST_PARTY = "first_party"
    PARTNER = "partner"
    CLEAN_ROOM = "clean_room"


class ConsentSource(StrEnum):
    """Who says that people agreed: the customers table, the landed file, or a person on the plan's word."""

    CUSTOMERS = "customers"
    FILE = "file"
    ASSERTED = "asserted"


class Experiment(_Strict):
    """A hold-out: `share` of the eligible people is never targeted, drawn with `salt`."""

    salt: str = pydantic.Field(min_length=4)
    share: Share


class AudienceGuards(_Strict):
    """Limits of a hashed audience; below or above them nothing but opt-outs leaves."""

    minimum_size: int = pydantic.Field(default=100, ge=1)
    max_quarantine_share: Share = 0.2
    max_drift: float = pydantic.Field(default=0.5, gt=0)
    column_state_disagreement_limit: Share = 0.05


class CleanRoomSegment(_Strict):
    """Members of a clean-room LIST result, with or without account A's own converters.

    `opt_in_everywhere` asks for a yes also where the law is content without a no.
    """

    source: Literal["clean_room"]
    query: Literal["exposed_customers"]
    converters: Literal["any", "without", "only"] = "any"
    price_bands: tuple[str, ...] = ()
    description: str
    owner: str
    provenance: Provenance
    legal_basis: str
    consent: Literal[ConsentSource.CUSTOMERS] = ConsentSource.CUSTOMERS
    opt_in_everywhere: bool = False
    experiment: str | None = None
    guards: AudienceGuards = AudienceGuards()


class LandingSegment(_Strict):
    """Members of files that land in `landing/segments/<segment>/`.

    `columns` says of our identifier columns whether they land `raw` or `hashed` (SHA-256 in hex or base64); of the
    others every value is looked at (`auto`).
    """

    source: Literal["landing"]
    headers: Mapping[str, str] = pydantic.Field(default_factory=dict)
    column_states: Mapping[str, ColumnState] = pydantic.Field(default_factory=dict, alias="columns")
    description: str
    owner: str
    provenance: Provenance
    legal_basis: str
    consent: Literal[ConsentSource.FILE, ConsentSource.ASSERTED]
    consent_asserted_by: str | None = None
    opt_in_everywhere: bool = False
    experiment: str | None = None
    guards: AudienceGuards = AudienceGuards()

    @pydantic.field_validator("headers")
    @classmethod
    def _headers_name_our_columns(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        known = {column.name for column in SEGMENT_MEMBERS.columns if column not in SOURCE_PLACE}
        unknown = sorted(set(headers.values()) - known)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not among our columns ({', '.join(sorted(known))})")
        return headers

    @pydantic.field_validator("column_states")
    @classmethod
    def _states_are_of_identifiers(cls, states: Mapping[str, ColumnState]) -> Mapping[str, ColumnState]:
        known = {column.name for column in IDENTIFIER_COLUMNS}
        unknown = sorted(set(states) - known)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not among our identifiers ({', '.join(sorted(known))})")
        return states

    @pydantic.model_validator(mode="after")
    def _an_assertion_has_a_name(self) -> LandingSegment:
        if (self.consent is ConsentSource.ASSERTED) != (self.consent_asserted_by is not None):
            raise ValueError(
                "consent: asserted and consent_asserted_by belong together: name who says that people agreed"
            )
        return self


Segment = Annotated[CleanRoomSegment | LandingSegment, pydantic.Field(discriminator="source")]


class Account(_Strict):
    """One account on a platform. `terms_accepted_by` and `terms_accepted_on` say who agreed to its terms, and when."""

    destination: str
    account: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    owner: str
    terms_accepted_by: str
    terms_accepted_on: dt.date
    settings: Mapping[str, str] = pydantic.Field(default_factory=dict)

    @pydantic.field_validator("destination")
    @classmethod
    def _destination_exists(cls, name: str) -> str:
        if name not in registry():
            raise ValueError(f"{name}: no such destination; there are {', '.join(registry())}")
        return name


class Activation(_Strict):
    """Permission for one segment on one account for one purpose."""

    segment: SegmentName
    account: str
    purpose: str
    use: Use
    match_keys: tuple[MatchKey, ...] = ()
    audience_name: str | None = None
    max_removal_share: Share = 0.3
    on_removal: Literal["keep", "empty", "delete"] = "keep"
    statements: Mapping[str, str] = pydantic.Field(default_factory=dict)


class Engine(_Strict):
    """Where identifiers are digested: in the run's own process up to so many rows of a segment, on Spark beyond."""

    in_process_up_to_rows: int = pydantic.Field(default=5_000_000, ge=0)


class Plan(_Strict):
    """Everything that may leave. `accounts` and `segments` are named; `activations` put them together."""

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    author: str
    engine: Engine = Engine()
    experiments: Mapping[str, Experiment] = pydantic.Field(default_factory=dict)
    segments: Mapping[SegmentName, Segment]
    accounts: Mapping[str, Account]
    activations: tuple[Activation, ...]

    @pydantic.model_validator(mode="after")
    def _names_exist(self) -> Plan:
        problems = [
            *(
                f"activations.{place}.{kind}: {name!r} is not in the plan; add it or correct the name"
                for place, activation in enumerate(self.activations)
                for kind, name, known in (
                    ("segment", activation.segment, self.segments),
                    ("account", activation.account, self.accounts),
                )
                if name not in known
            ),
            *(
                f"segments.{name}.experiment: {segment.experiment!r} is not in the plan; add it or correct the name"
                for name, segment in self.segments.items()
                if segment.experiment is not None and segment.experiment not in self.experiments
            ),
            *self._forbidden(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _forbidden(self) -> list[str]:
        """Activations that a destination's own rules do not allow, and pairs that are named twice."""
        problems, seen = [], set()
        for place, activation in enumerate(self.activations):
            if activation.segment not in self.segments or activation.account not in self.accounts:
                continue
            pair = (activation.segment, activation.account)
            if pair in seen:
                problems.append(f"activations.{place}: {pair[0]} on {pair[1]} is named twice; keep one of them")
            seen.add(pair)
            contract = registry()[self.accounts[activation.account].destination]
            provenance = self.segments[activation.segment].provenance
            if contract.first_party_only and provenance is not Provenance.FIRST_PARTY:
                problems.append(
                    f"activations.{place}: {contract.platform} takes first-party data only, and "
                    f"{activation.segment} is {provenance.value}"
                )
            unknown = [key.value for key in activation.match_keys if key not in contract.match_keys]
            if unknown:
                problems.append(f"activations.{place}: {contract.platform} has no match key {', '.join(unknown)}")
            problems += [f"activations.{place}: {problem}" for problem in _unstated(contract, activation)]
            stated = "CONSENT_GRANTED" in activation.statements.values()
            if stated and not self.segments[activation.segment].opt_in_everywhere:
                problems.append(
                    f"activations.{place}: states that everybody consented, but where the law does not ask for a yes "
                    f"{activation.segment} keeps people who said nothing; set opt_in_everywhere on the segment"
                )
        return problems

    def activations_of(self, account: str) -> dict[str, Activation]:
        """Segment -> permission, for one account of the plan."""
        return {a.segment: a for a in self.activations if a.account == account}


def _unstated(contract: Contract, activation: Activation) -> Iterator[str]:
    """What the platform asks the plan to state, and the plan does not, or not in the platform's words."""
    for name, words in contract.statements.items():
        if name not in activation.statements:
            yield f"statements.{name} is missing; {contract.platform} takes {' or '.join(words)}"
        elif activation.statements[name] not in words:
            yield f"statements.{name} is not in the words of {contract.platform}; it takes {' or '.join(words)}"


def default_plan() -> Path:
    """The plan that ships with the project."""
    return Path(str(resources.files("segment_assets").joinpath("plan.yaml")))


def load_plan(path: Path | None = None) -> Plan:
    """Read a plan. Raises PlanError naming file, line and what to change."""
    file = path or default_plan()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise PlanError(f"{file.name}: cannot be read ({failure.strerror}); give the path of a plan file") from None
    except UnicodeDecodeError:
        raise PlanError(f"{file.name}: not UTF-8 text; save the plan as UTF-8") from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as failure:
        line = failure.problem_mark.line + 1 if failure.problem_mark else 1
        raise PlanError(f"{file.name}, line {line}: not YAML: {failure.problem}; correct the line") from None
    except yaml.reader.ReaderError as failure:
        line = text.count("\n", 0, failure.position) + 1
        raise PlanError(f"{file.name}, line {line}: a character that YAML does not allow; remove it") from None
    repeated = [
        f"{file.name}, line {line}: {key!r} is written twice; keep one of them" for key, line in _repeated(tree)
    ]
    if repeated:
        raise PlanError("\n".join(repeated))
    try:
        return Plan.model_validate(document)
    except pydantic.ValidationError as failure:
        raise PlanError("\n".join(_lines(file.name, tree, failure))) from None


def _repeated(tree: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Keys that a mapping has twice, with the second one's line: YAML lets the last one win in silence."""
    waiting, known = [tree], set()
    while waiting:
        node = waiting.pop()
        # An alias leads to a node that was looked at already, or to one of its own parents.
        if node is None or id(node) in known:
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key.value, key.start_mark.line + 1
                    keys.add(key.value)
                waiting.append(value)


def _lines(name: str, tree: yaml.Node | None, failure: pydantic.ValidationError) -> list[str]:
    lines = []
    for error in failure.errors(include_url=False, include_input=False):
        message = error["msg"].removeprefix("Value error, ")
        for part in message.split("\n"):
            place, colon, rest = part.partition(": ")
            own = tuple(place.split(".")) if colon and place.startswith(("activations.", "segments.")) else ()
            where = own or tuple(str(step) for step in error["loc"])
            said = "".join(c if c.isprintable() else "?" for c in ".".join(where)) or "plan"
            lines.append(f"{name}, line {_line(tree, where)}: {said}: {rest if own else part}")
    return lines


def _line(tree: yaml.Node | None, where: tuple[str, ...]) -> int:
    """The line of the deepest part of a path that exists: a missing key is shown at its parent."""
    node, line = tree, 1
    for step in where:
        found = _child(node, step)
        if found is None:
            # pydantic puts the name of a union's branch into the path; it is no key of the file.
            continue
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, step: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item: Any = node.value[int(step)]
        return item, item
    return None
