"""Platform accounts of the plan: their secrets, terms and tokens, judged from what was seen.

Belongs here: pure judging of names and presence; no value of a secret comes here. Not here: looking (`account_probes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping

    from segment_assets.contracts import Contract
    from segment_assets.doctor.findings import Finding, Subject
    from segment_assets.plan import Account

# Platforms change their terms about once a year.
_TERMS_DAYS = 365
_RENEWAL = ("refresh_token", "token_url", "client_id", "client_secret")
_OF_THE_APP = ("token_url", "client_id", "client_secret")
_OF_A_LOGIN = ("token_url", "login", "password")
_SFTP = "sftp://"
_MAP_KEYS = ("identity_map_key", "identity_map_secret")


def judge_secret(name: str, fields: Mapping[str, str], contract: Contract, subject: Subject) -> Iterator[Finding]:
    """`fields`: the names in the secret `name`, with the value of `grant_type` only, every other one empty.

    What a secret must hold follows from the contract and from how its token is renewed (`resources.credentials`).
    """
    if not fields:
        yield subject.wrong(
            "secret_missing", f"there is no secret {name}", f"put what {contract.platform} gave you there"
        )
        return
    lacking = sorted(set(_needed(fields, contract)) - set(fields))
    if lacking:
        yield subject.wrong("secret_fields", f"the secret lacks {', '.join(lacking)}", f"add them to {name}")
    elif not _renewable(fields) and not contract.endpoint.startswith(_SFTP):
        yield subject.advice("not_renewed", "its token is not renewed", f"add {', '.join(_RENEWAL)} to {name}")
    else:
        yield subject.fine(f"it holds what {contract.platform} needs")


def _needed(fields: Mapping[str, str], contract: Contract) -> Iterator[str]:
    if contract.endpoint.startswith(_SFTP):
        yield from ("user", "host_key", "private_key" if "private_key" in fields else "password")
        return
    yield from contract.secret_headers.values()
    if contract.identity_map:
        yield from _MAP_KEYS
    if fields.get("grant_type") == "client_credentials":
        yield from _OF_THE_APP
    elif fields.get("grant_type") == "login":
        yield from _OF_A_LOGIN
    elif "refresh_token" in fields:
        yield from ("access_token", *_RENEWAL)
    elif not contract.secret_headers:
        yield "access_token"


def _renewable(fields: Collection[str]) -> bool:
    return "refresh_token" in fields or "grant_type" in fields


def judge_terms(account: Account, today: dt.date, subject: Subject) -> Iterator[Finding]:
    """The plan's word on who accepted the platform's terms, and when."""
    said = f"its terms were accepted on {account.terms_accepted_on}"
    if (today - account.terms_accepted_on).days > _TERMS_DAYS:
        yield subject.advice("old_terms", said, "look whether they have changed since, and write the new day down")
    else:
        yield subject.fine(said)
