"""Datasets of Ads Data Manager: made once, found again by our marker, shared once with each place.

Belongs here: the calls about a dataset itself, and its marketplaces. Not here: its members (`amazon_ads`).
Source: advertising.amazon.com, Ads data manager (get started, dataset management, API reference 3.0). That a refused
duplicate names the dataset that has the name, and the marketplaces, are told by another vendor's connector.

Names are unique in an account and ours end with our marker, so a duplicate is our own. Sharing rules are not unique:
whoever shares twice makes two audiences, so rules are listed first. One that somebody revoked is not made again.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from segment_assets.contracts import Counted, NeedsHumanError, PermanentError, Request, TransientError
from segment_assets.destinations.amazon_ads_answers import accepted, duplicate_of, listed
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.pages import Page, walked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.contracts import AudienceSpec, Contract, Response, Transport

MARKETPLACES: Mapping[str, str] = {
    "AE": "A2VIGQ35RCS4UG",
    "AU": "A39IBJ37TRP1C6",
    "BR": "A2Q3Y263D00KWC",
    "CA": "A2EUQ1WTGCTBG2",
    "DE": "A1PA6795UKMFR9",
    "ES": "A1RKKUPIHCS9HS",
    "FR": "A13V1IB3VIYZZH",
    "GB": "A1F83G8C2ARO7P",
    "IT": "APJ6JRA9NG5V4",
    "JP": "A1VC38T7YXB528",
    "MX": "A1AM78C64UM0Y8",
    "NL": "A1805IZSGTT6HS",
    "SA": "A17E79C6D8DWNP",
    "SE": "A2NODRKZP88ZB9",
    "TR": "A33AVAJ2PDY3EV",
    "US": "ATVPDKIKX0DER",
}
_LISTS, _ROOMS, _TERMS, _RULES = "/adm/audiences", "/adm/datarooms", "/adm/terms", "/adm/sharingRules"
_PAGE = "100"
_COUNTRY = re.compile(r"[A-Z]{2}")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,255}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
# What has a name: a dataset, and what the DSP shows of it.
DATASET, AUDIENCE = "dataset", "audience on the DSP"
# What a refused creation can be for beside what is in it.
_ASK_WHY = range(HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
_NOT_WHY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


@dataclasses.dataclass(frozen=True, slots=True)
class Sharing:
    """Where an account's data comes from (`country`, in capitals) and whom it is shared with; empty where it is not."""

    country: str
    dsp_advertiser: str
    amc_instance: str
    marketplace: str
    id_retention: bool

    def __post_init__(self) -> None:
        if self.country and not _COUNTRY.fullmatch(self.country):
            raise PermanentError("amazon_ads: country is no code of two letters; correct it in the plan")

    @property
    def in_marketplace(self) -> str:
        """The marketplace of the plan, or the country's own."""
        return self.marketplace or MARKETPLACES.get(self.country, "")

    def check(self) -> None:
        """Raise PermanentError naming the setting without which nothing can be shared.

        A preview has no settings; what it shows Amazon refuses, since a dataset needs a country.
        """
        if not self.country:
            raise PermanentError("amazon_ads: country is missing in the account's settings; name it in the plan")
        if not self.in_marketplace:
            raise PermanentError("amazon_ads: no marketplace of this country is known; name it in the plan")


@dataclasses.dataclass(frozen=True, slots=True)
class Datasets:
    """The datasets of one account. `headers` go with every call."""

    transport: Transport
    account: str
    headers: Mapping[str, str]
    sharing: Sharing
    contract: Contract

    def made(self, spec: AudienceSpec) -> str:
        """The id of a new dataset, or of the one that an earlier try of ours made, shared."""
        body: dict[str, Any] = {
            "name": _dataset_name(spec, self.contract),
            "description": fitted(self.contract, spec.name, counts=Counted.DESCRIPTION),
            "idRetention": self.sharing.id_retention,
        }
        if self.sharing.country:
            self.sharing.check()
            body["countryCode"] = self.sharing.country
        response = self._asked("POST", _LISTS, body)
        if duplicate_of(response) is None and self._is_refused(response) and self._is_ready_now():
            response = self._asked("POST", _LISTS, body)
        known = duplicate_of(response)
        found = accepted(response, self.account).get("dataSetId") if known is None else known
        return self._shared(self._id_of(found), spec)

    def found(self, spec: AudienceSpec) -> str | None:
        """The dataset with our marker. Of an earlier try it may lack what comes after it is made."""
        for dataset in self._every():
            if str(dataset.get("name", "")).endswith(spec.marker):
                return self._shared(self._id_of(dataset.get("dataSetId")), spec)
        return None

    def _every(self) -> Iterator[Mapping[str, Any]]:
        def page(params: Mapping[str, str]) -> Page:
            request = Request("GET", _LISTS, params=params, headers=self.headers)
            response = self.transport.send(request)
            if response.status == HTTPStatus.NOT_FOUND:
                # Before the account has its data room.
                return Page((), "")
            body = accepted(response, self.account)
            token = body.get("nextToken")
            return Page(
                listed(body, "dataSets"), "?" + urlencode({"limit": _PAGE, "nextToken": token}) if token else ""
            )

        return walked(page, {"limit": _PAGE}, f"amazon_ads account {self.account}")

    def _is_refused(self, response: Response) -> bool:
        return response.status in _ASK_WHY and response.status not in _NOT_WHY

    def _is_ready_now(self) -> bool:
        """Whether the account lacked its data room, which it has now. Terms are accepted by people."""
        self.sharing.check()
        terms = accepted(self._asked("GET", _TERMS), self.account)
        if terms.get("hasAccepted") is False:
            raise NeedsHumanError(
                f"amazon_ads account {self.account}: the terms of Ads Data Manager are not accepted; somebody who may "
                "do that has to, in Amazon's console"
            )
        room = self._asked("GET", _ROOMS)
        if room.status != HTTPStatus.NOT_FOUND:
            accepted(room, self.account)
            return False
        accepted(self._asked("POST", _ROOMS, {}), self.account)
        return True

    def _shared(self, dataset: str, spec: AudienceSpec) -> str:
        self.sharing.check()
        for application, place, metadata in self._places(spec):
            wanted = {"application": application, "datasetIds": [dataset], "destinationAccountId": place}
            rules = accepted(self._asked("POST", f"{_RULES}/list", wanted), self.account)
            if listed(rules, "sharingRules"):
                continue
            rule = {
                "application": application,
                "dataSetId": dataset,
                "destinationAccountId": place,
                "marketplaceId": self.sharing.in_marketplace,
                "metadata": metadata,
            }
            accepted(self._asked("POST", _RULES, rule), self.account)
        return dataset

    def _places(self, spec: AudienceSpec) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Application, account there, and what it wants to know."""
        sharing = self.sharing
        if sharing.dsp_advertiser:
            shown = {"audienceName": _audience_name(spec, self.contract), "externalAudienceId": spec.marker}
            yield "DSP_AUDIENCES", sharing.dsp_advertiser, {"audienceMetadata": shown}
        if sharing.amc_instance:
            instance = {"amcInstanceId": sharing.amc_instance}
            yield "AMAZON_MARKETING_CLOUD", sharing.amc_instance, {"amcMetadata": instance}

    def _asked(self, method: str, path: str, body: object | None = None) -> Response:
        return self.transport.send(Request(method, path, json=body, headers=self.headers))

    def _id_of(self, told: object) -> str:
        if not isinstance(told, str) or not _DATASET.fullmatch(told):
            raise TransientError(
                f"amazon_ads account {self.account}: a dataset came without its id; it is looked for again"
            )
        return told


def _dataset_name(spec: AudienceSpec, contract: Contract) -> str:
    """A name as datasets may have: letters, digits, `_` and `-`, a letter first."""
    name = _NOT_IN_A_NAME.sub("_", spec.name)
    name = name if name[:1].isalpha() else f"s{name}"
    return fitted(contract, name, f"_{spec.marker}", per=DATASET)


def _audience_name(spec: AudienceSpec, contract: Contract) -> str:
    name, limit = fitted(contract, spec.name, per=AUDIENCE), contract.limit(Counted.CHARACTERS, AUDIENCE)
    return f"{name} audience" if limit is not None and len(name) < limit.least else name
