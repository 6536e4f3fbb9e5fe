"""The hidden truth about the people of a chunk: who they are, what the platforms hold, how they respond.

Belongs here: true values only. Not here: how account A or B write them down (customers, impressions).
The result is written to `truth/people` and is all that later weeks need. Strangers to account A have no customer_id.
platform_*_sha256 are 32-byte digests of what a platform holds of the person, null where it holds nothing: the e-mail,
the e-mail with Gmail's dots folded, and the phone in international digits without and with plus.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world import names, phones
from segment_assets.sandbox.world.cells import as_hex, blanked, flags, joined, padded, sha256, words
from segment_assets.sandbox.world.places import COUNTRIES
from segment_assets.sandbox.world.randomness import Purpose, Turn, by_share

if TYPE_CHECKING:
    import numpy.typing as npt

# Of people, unless said otherwise. A family shares its phone number, and one in four families shares its e-mail too.
FAMILY, SHARED_EMAIL, SECOND_RECORD = 0.08, 0.25, 0.02
VIEWER, PLATFORM_ACCOUNT = 0.50, 0.70
# Viewers of account B: same e-mail as in account A, another one, none. Platform accounts likewise, and with a phone.
VIEWER_EMAIL = (0.88, 0.07, 0.05)
PLATFORM_EMAIL = (0.82, 0.13, 0.05)
PLATFORM_PHONE = 0.65
RESPONDS = 0.65

DOMAINS = (
    *("example.com", "example.org", "example.net"),
    *("mail.example.com", "post.example.net", "inbox.example.org"),
    "gmail.com",
)
_DOMAIN_SHARES = (0.25, 0.12, 0.10, 0.13, 0.08, 0.07, 0.25)
# 31 characters without dots, and Gmail's user names end at 30: none of these can be anybody's mailbox.
GMAIL_LOCAL = "synthetic.person.of.segment.sandbox."

_PLACES = [place for country in COUNTRIES for place in country.places]
_PLACE_COUNTS = np.array([len(country.places) for country in COUNTRIES])
_PLACE_STARTS = np.cumsum(_PLACE_COUNTS) - _PLACE_COUNTS
# Letters that British, Canadian and Dutch postal codes all allow.
_POSTAL_LETTERS = "ABEGHJLNPRTWXZ"


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """The people of a chunk: customers from `first` on, and strangers (viewers only) from `first_stranger` on."""

    chunk: int
    first: int
    customers: int
    first_stranger: int
    strangers: int

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Person numbers, unique over the world."""
        return np.concatenate(
            [
                np.arange(self.first, self.first + self.customers),
                np.arange(self.first_stranger, self.first_stranger + self.strangers),
            ]
        ).astype(np.int64)


def spans(people: int, chunk_people: int) -> list[Span]:
    """Cut `people` customers, and half as many strangers, into chunks."""
    result = []
    for chunk, first in enumerate(range(0, people, chunk_people)):
        customers = min(chunk_people, people - first)
        result.append(Span(chunk, first, customers, people + first // 2, (first + customers) // 2 - first // 2))
    return result


def make_people(seed: int, span: Span) -> pa.Table:
    """The true records of a chunk, customers first."""
    rng = Turn(seed, span.chunk).stream(Purpose.PEOPLE)
    number = span.numbers
    size = len(number)
    head = _family_heads(rng, size, span.customers)
    country = by_share(rng, [c.share for c in COUNTRIES], size)[head]
    place = (_PLACE_STARTS[country] + (rng.random(size) * _PLACE_COUNTS[country]).astype(np.int64))[head]
    columns = {"person": pa.array(number), "is_customer": pa.array(np.arange(size) < span.customers)}
    columns |= _identity(rng, number, head, country, place)
    columns |= _roles(rng, number, span.customers)
    columns |= _identifiers(rng, columns, number, head, country)
    columns |= _response(rng, columns)
    return pa.table(columns)


def _family_heads(rng: np.random.Generator, size: int, customers: int) -> npt.NDArray[np.int64]:
    """For each person the one whose household they share; strangers live alone."""
    joins = rng.random(size) < FAMILY / 2
    joins[0] = False
    joins[customers:] = False
    joins[1:] &= ~joins[:-1]
    return np.arange(size) - joins.astype(np.int64)


def _identity(
    rng: np.random.Generator,
    number: npt.NDArray[np.int64],
    head: npt.NDArray[np.int64],
    country: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
) -> dict[str, Any]:
    size = len(number)
    female = rng.random(size) < 0.51  # noqa: PLR2004 - share of women
    by_sex = [(names.first_names(sex), rng.random(size)) for sex in ("female", "male")]
    firsts = [(listed, listed.choose(country, uniform)) for listed, uniform in by_sex]
    listed_last = names.last_names()
    last = listed_last.choose(country, rng.random(size)[head])
    local = joined(
        pc.if_else(female, *(listed.slugs.take(chosen) for listed, chosen in firsts)), ".", listed_last.slugs.take(last)
    )
    gmail = (domain := by_share(rng, _DOMAIN_SHARES, size)) == DOMAINS.index("gmail.com")
    local = pc.if_else(pa.array(gmail), pa.scalar(GMAIL_LOCAL), local)
    born = np.datetime64("1938-01-01") + rng.integers(0, 365 * 70, size)
    elsewhere = np.where(rng.random(size) < 0.15, by_share(rng, [c.share for c in COUNTRIES], size), country)  # noqa: PLR2004 - share of migrants
    return {
        "first_name": pc.if_else(female, *(listed.texts.take(chosen) for listed, chosen in firsts)),
        "last_name": listed_last.texts.take(last),
        "female": pa.array(female),
        "birth_date": pa.array(born.astype("datetime64[D]")),
        "birth_country": words([c.code for c in COUNTRIES], elsewhere),
        "country_number": pa.array(country),
        "country": words([c.code for c in COUNTRIES], country),
        "city": words([p[0] for p in _PLACES], place),
        "state_code": words([p[1] for p in _PLACES], place),
        "state_name": words([p[2] for p in _PLACES], place),
        "postal_code": _postal_codes(rng, country, place, head),
        "email": joined(local, pa.array(number).cast(pa.string()), "@", words(DOMAINS, domain)).take(
            pa.array(_email_owner(rng, head))
        ),
    }


def _email_owner(rng: np.random.Generator, head: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.where(rng.random(len(head)) < SHARED_EMAIL, head, np.arange(len(head)))


def _postal_codes(
    rng: np.random.Generator,
    country: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    head: npt.NDArray[np.int64],
) -> pa.Array:
    drawn = rng.random((4, len(head)))[:, head]
    starts = words([p[3] for p in _PLACES], place)
    parts, rows = [], []
    for position, declared in enumerate(COUNTRIES):
        mine = np.flatnonzero(country == position)
        tail: list[Any] = []
        for slot, shape in enumerate(declared.zip_tail):
            alphabet = {"#": "0123456789", "@": _POSTAL_LETTERS}.get(shape)
            uniform = drawn[min(slot, 3), mine]
            tail.append(words(list(alphabet), (uniform * len(alphabet)).astype(np.int64)) if alphabet else shape)
        parts.append(joined(starts.take(pa.array(mine)), *tail))
        rows.append(mine)
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows), kind="stable")))


def _roles(rng: np.random.Generator, number: npt.NDArray[np.int64], customers: int) -> dict[str, Any]:
    size = len(number)
    stranger = np.arange(size) >= customers
    first = joined("C1", padded(number, 9))
    second = joined("C2", padded(number, 9))
    return {
        "customer_id": blanked(first, stranger),
        "second_customer_id": blanked(second, stranger | (rng.random(size) >= SECOND_RECORD)),
        "is_viewer": pa.array(stranger | (rng.random(size) < VIEWER)),
        "viewer_id": joined("v", padded(number * 7 + 3, 11)),
        "platform_account": pa.array(rng.random(size) < PLATFORM_ACCOUNT),
    }


def _identifiers(
    rng: np.random.Generator,
    columns: dict[str, Any],
    number: npt.NDArray[np.int64],
    head: npt.NDArray[np.int64],
    country: npt.NDArray[np.int64],
) -> dict[str, Any]:
    size = len(number)
    email = columns["email"]
    digest = sha256(email)
    shared_phone = head != np.arange(size)
    shared = shared_phone & np.asarray(pc.equal(email, email.take(pa.array(head))).to_numpy(zero_copy_only=False))
    account = np.asarray(columns["platform_account"].to_numpy(zero_copy_only=False))
    text = pa.array(number).cast(pa.string())
    at_b, on_platform = by_share(rng, VIEWER_EMAIL, size), by_share(rng, PLATFORM_EMAIL, size)
    viewer_email = _known_email(email, joined("viewer.", text, "@example.net"), at_b)
    viewer_digest = _known_email(digest, sha256(blanked(viewer_email, at_b != 1)), at_b)
    # A mailbox or phone belongs to one platform account: the first of the household has it.
    no_email = ~account | (shared & (on_platform == 0))
    other = sha256(blanked(joined("member.", text, "@example.org"), no_email | (on_platform != 1)))
    platform_email = blanked(_known_email(digest, other, on_platform), no_email)
    folds = ~no_email & (on_platform == 0) & flags(pc.ends_with(email, "@gmail.com"))
    folded = pc.if_else(pa.array(folds), sha256(blanked(fold_gmail(email), ~folds)), platform_email)
    national = phones.national_numbers(number[head], country)
    digits = joined(words([c.calling_code for c in COUNTRIES], country), national)
    on_phone = blanked(digits, ~account | shared_phone | (rng.random(size) >= PLATFORM_PHONE))
    return {
        "email_sha256": as_hex(digest),
        "phone_national": national,
        "phone_digits": digits,
        "viewer_email": viewer_email,
        "viewer_email_sha256": as_hex(viewer_digest),
        "platform_email_sha256": platform_email,
        "platform_email_folded_sha256": folded,
        "platform_phone_sha256": sha256(on_phone),
        "platform_phone_plus_sha256": sha256(joined("+", on_phone)),
    }


def fold_gmail(emails: pa.Array) -> pa.Array:
    """Gmail addresses without dots in the local part, as Google compares them; other addresses unchanged."""
    suffix = "@gmail.com"
    local = pc.utf8_slice_codeunits(emails, 0, -len(suffix))
    folded = joined(pc.replace_substring(local, ".", ""), suffix)
    return pc.if_else(pc.ends_with(emails, suffix), folded, emails)


def _known_email(same: pa.Array, other: pa.Array, kind: npt.NDArray[np.int64]) -> pa.Array:
    return blanked(pc.if_else(pa.array(kind == 0), same, other), kind == 2)  # noqa: PLR2004 - third share: none


def _response(rng: np.random.Generator, columns: dict[str, Any]) -> dict[str, Any]:
    """Chance to convert in a week, unexposed and by frequency; see `outcomes.chance`.

    Who visits the publisher more also buys more, exposed or not: comparing exposed with unexposed people is biased.
    """
    size = len(columns["person"])
    viewer = np.asarray(columns["is_viewer"].to_numpy(zero_copy_only=False))
    visits = rng.exponential(2.0, size)
    base = np.minimum(0.02 * np.exp(0.6 * rng.standard_normal(size) + 0.2 * np.minimum(visits, 6.0)), 0.4)
    ceiling = np.where(rng.random(size) < RESPONDS, rng.beta(2.0, 10.0, size), 0.0)
    return {
        "publisher_visits": pa.array(np.where(viewer, visits, 0.0)),
        "base_probability": pa.array(base),
        "response_ceiling": pa.array(ceiling),
        "response_saturation": pa.array(rng.uniform(1.5, 4.0, size)),
    }
