"""The token of a platform account: read from the secret store, and renewed where the platform gives a refresh token.

Belongs here: OAuth 2.0's refresh and client credentials (RFC 6749, 6 and 4.4) and keeping what comes of them. Not here:
where secrets are (`secrets`), when a token counts as refused (`transport`). It is one form and one answer, so no OAuth
library is asked.

A secret holds `access_token`, and for renewal `refresh_token`, `token_url`, `client_id` and `client_secret`; we add
`issued_at` (seconds since the epoch). Nothing of it is in any message. Where a platform gives an app tokens without a
refresh token (Criteo) it holds `grant_type: client_credentials`, and need not hold a token; where a platform takes id
and secret of the app in a Basic header only (Pinterest), `client_auth: basic`. The Trade Desk has no OAuth: there it
holds `grant_type: login`, `login` and `password`, or no more than a token that a person made.
"""

from __future__ import annotations

import dataclasses
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segment_assets.contracts import NeedsHumanError, TransientError
from segment_assets.resources.transport import refuse_plain_http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Clock, Sleep
    from segment_assets.resources.secrets import Secrets

# Reddit slows down or refuses what a library says of itself.
USER_AGENT = "python:segment_assets:v1"

# Many platforms take a refresh token once. Whoever comes second is refused, and finds what the first one was given in
# the store a moment later: an answer is written as soon as it is here.
_LOOKS = (0.1, 0.3, 1.0, 2.0)
_TRIES = 10


class _RefusedError(Exception):
    """The refresh token is not taken."""


@dataclasses.dataclass(slots=True)
class AccountToken:
    """The token of one account. `name` is its secret; `otherwise` is the token where the store has none.

    `user_agent` is what a renewal says of who asks.
    """

    secrets: Secrets
    name: str
    otherwise: str = dataclasses.field(default="", repr=False)
    clock: Clock = time.time
    sleep: Sleep = time.sleep
    user_agent: str = USER_AGENT
    _given: str = dataclasses.field(default="", repr=False)

    def current(self) -> str:
        """The token as the store has it now."""
        held = self.secrets.read(self.name)
        self._given = self._of(held.values)
        return self._given if self._given or not _is_of_the_app(held.values) else self.renewed()

    def renewed(self) -> str:
        """A newer token than the one given last, which was refused; the same where there is none.

        First the store is read anew: a person or another process may have put one there. Raises TransientError when
        the platform does not answer, NeedsHumanError when it takes the refresh token from nobody any more.
        """
        held = self.secrets.read(self.name)
        refused, self._given = self._given, self._of(held.values)
        if self._given == refused and (held.values.get("refresh_token") or _is_of_the_app(held.values)):
            try:
                fresh = self._asked_for(held.values)
            except _RefusedError:
                self._given = self._of_another(held.version, held.values)
            else:
                self._given = self._kept(fresh, held.values, held.version)
        return self._given

    def _of(self, values: Mapping[str, str]) -> str:
        return values.get("access_token") or self.otherwise

    def _asked_for(self, values: Mapping[str, str]) -> dict[str, str]:
        """What the platform gives for the refresh token, which may be a new refresh token as well."""
        import httpx

        url = values.get("token_url", "")
        refuse_plain_http(url)
        host = urlsplit(url).hostname
        try:
            agent = {"User-Agent": self.user_agent}
            answer = httpx.post(url, **_question(values), headers=agent, timeout=30.0, trust_env=False)
            told = answer.json()
        except httpx.HTTPError as failure:
            raise TransientError(f"{host}: no answer to the renewal of a token ({type(failure).__name__})") from None
        except ValueError:
            told = None
        if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise _RefusedError
        told = _as_oauth(told)
        given = {k: v for k in _KEPT if isinstance(told, dict) and isinstance(v := told.get(k), str) and v}
        if "access_token" not in given:
            raise TransientError(f"{host}: answer {answer.status_code} to the renewal of a token is not understood")
        return {**given, "issued_at": repr(self.clock())}

    def _of_another(self, version: str, values: Mapping[str, str]) -> str:
        """The token of whoever used up the refresh token first."""
        for pause in _LOOKS:
            held = self.secrets.read(self.name)
            if held.version != version:
                return self._of(held.values)
            self.sleep(pause)
        if _is_of_the_app(values):
            who = "login and password" if values.get("grant_type") == _LOGIN else "client id and secret"
            raise NeedsHumanError(
                f"{who} of {self.name} are not accepted; look at the app or the user on the platform, and put the new "
                "secret into the secret store"
            )
        raise NeedsHumanError(
            f"the refresh token of {self.name} is not accepted; authorise the account anew and put the new tokens "
            "into the secret store"
        )

    def _kept(self, fresh: Mapping[str, str], values: Mapping[str, str], version: str) -> str:
        """Write a new token back. When somebody else wrote meanwhile, the newer of the two stays."""
        for _ in range(_TRIES):
            if self.secrets.replace(self.name, {**values, **fresh}, version):
                return fresh["access_token"]
            held = self.secrets.read(self.name)
            # A person who writes a token gives no moment: theirs is the newest.
            if "issued_at" not in held.values or float(held.values["issued_at"]) >= float(fresh["issued_at"]):
                return self._of(held.values)
            values, version = held.values, held.version
        raise TransientError(f"{self.name}: the secret store changes all the time; the renewed token was not kept")


def _is_of_the_app(values: Mapping[str, str]) -> bool:
    """Whether a token is asked for with the app's or user's own credentials, so that there is always one to be had."""
    return values.get("grant_type") in {_APP_GRANT, _LOGIN}


def _question(values: Mapping[str, str]) -> dict[str, Any]:
    """The body that asks for a token, and the credentials that go in a header."""
    if values.get("grant_type") == _LOGIN:
        asked = {"Login": values.get("login", ""), "Password": values.get("password", "")}
        return {"json": {**asked, "TokenExpirationInMinutes": _MINUTES}}
    form, basic = _form(values)
    return {"data": form, "auth": basic}


def _as_oauth(told: object) -> object:
    """An answer under the names of OAuth; The Trade Desk calls a token Token."""
    return {"access_token": told["Token"]} if isinstance(told, dict) and "Token" in told else told


def _form(values: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """What is asked with, and id and secret of the app where these go in a Basic header."""
    form = {"grant_type": values.get("grant_type", "refresh_token"), **{k: values[k] for k in _SENT if k in values}}
    if values.get("client_auth") != "basic":
        return form, None
    return form, (form.pop("client_id", ""), form.pop("client_secret", ""))


_APP_GRANT, _LOGIN = "client_credentials", "login"
# The Trade Desk's longest.
_MINUTES = 1_440
_SENT = ("refresh_token", "client_id", "client_secret")
_KEPT = ("access_token", "refresh_token")
