"""One account on one platform, as a Dagster resource: visible in the UI, its token masked.

Belongs here: endpoint, credentials and settings of an account, and making a destination and a gated transport of them.
Not here: what is sent, what the gate does (`delivery.gate`).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import dagster as dg
from pydantic import Field

from segment_assets.contracts import NeedsHumanError
from segment_assets.contracts.destination import CarriedDestination

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.contracts import Contract, Destination, Request, Response, Transport
    from segment_assets.contracts.mapping import MappedDestination
    from segment_assets.resources.credentials import AccountToken
    from segment_assets.resources.stores import Stores

D = TypeVar("D", bound="Destination")
_SFTP = "sftp://"


class DestinationAccount(dg.ConfigurableResource):
    """Endpoint, account number and token. `sandbox_home` is set in the local world: the endpoint is found there.

    `settings` are the platform's own, from the account in the plan. `lake_home` is where the account's state is kept,
    and `secrets_home` where its tokens are (`<destination>.<account>`), which go before `token`; without them nothing
    is kept, and `token` is all there is. Both are folders or addresses (`stores`), in AWS reached in `region` by
    `role_arn`. `is_diverted` says that the endpoint is not the platform's own: its identity map must then be named as
    well (`identity_map`). `files_endpoint` is in the place of S3, where AWS's own destinations take files. With
    `preview_only` nothing is ever sent: deliveries are rehearsed.
    """

    destination: str
    account: str
    endpoint: str = ""
    is_diverted: bool = False
    identity_map: str = ""
    files_endpoint: str = ""
    sandbox_home: str = ""
    lake_home: str = ""
    secrets_home: str = ""
    api_version: str = ""
    region: str = ""
    role_arn: str = ""
    kms_key: str = ""
    external_id: str = Field(default="", repr=False)
    preview_only: bool = False
    settings: dict[str, str] = Field(default_factory=dict)
    token: str = Field(default="", repr=False, json_schema_extra={"dagster__is_secret": True})

    def connect(
        self, statements: Mapping[str, str] | None = None, *, to_follow: bool = False
    ) -> tuple[Destination, Transport]:
        """The platform's wire format for this account, and a way to it. Nothing is sent yet.

        `statements` are the plan's words on the activation; a platform that is told them with every request adds
        nobody without them. `to_follow` is for whoever asks about jobs and sizes beside the runs.
        Raises PermanentError for a setting or an account that the platform cannot have.
        """
        destination = self._destination(statements or {})
        if self.preview_only:
            return destination, _NothingLeaves()
        transport = self._transport(destination.contract)
        way = self._mapped(destination, transport) if destination.contract.identity_map else transport
        if isinstance(destination, CarriedDestination):
            way = destination.carried(way)
        return destination, self._gated(destination, way, to_follow=to_follow)

    def _transport(self, contract: Contract) -> Transport:
        """A way that carries the account's token, or AWS's signature where the destination is AWS's own."""
        from segment_assets.resources.transport import HttpTransport

        if contract.endpoint.startswith(_SFTP):
            return self._by_sftp(contract.endpoint)
        if contract.signed_for and self.region:
            return self._signed(contract.signed_for)
        token = self._token()
        given = token.current() if token else self.token
        if not given and not contract.secret_headers:
            raise NeedsHumanError(
                f"there is no secret {self._secret}, or no access_token in it; put what the platform gave you there"
            )
        way = HttpTransport(
            self.endpoint or self._own_sandbox(),
            given,
            refresh=_renewal(token),
            token_header=contract.token_header,
            secret_headers=self._secret_headers(contract.secret_headers),
            token_proof=contract.token_proof,
            app_secret=self.kept().get("app_secret", "") if contract.token_proof else "",
        )
        return self._with_files(way, contract.files_signed_for) if contract.files_signed_for and self.region else way

    def _with_files(self, way: Transport, service: str) -> Transport:
        from segment_assets.resources.aws_transport import AwsTransport
        from segment_assets.resources.files_transport import FilesTransport

        own = {service: self.files_endpoint} if self.files_endpoint else {}
        credentials = self._stores.session().renewed_credentials()
        return FilesTransport(way, AwsTransport(self.region, service, endpoints=own, credentials=credentials))

    def _signed(self, service: str) -> Transport:
        from segment_assets.resources.aws_transport import AwsTransport

        given = {service: self.endpoint}
        if service != "s3" or not self.is_diverted:
            given["s3"] = self.files_endpoint or given.get("s3", "")
        own = {name: address for name, address in given.items() if address}
        credentials = self._stores.session().renewed_credentials()
        return AwsTransport(self.region, service, endpoints=own, credentials=credentials)

    def _by_sftp(self, published: str) -> Transport:
        from segment_assets.resources.sftp_transport import transport_to

        if self.sandbox_home and not self.endpoint:
            from segment_assets.sandbox import process

            drop = process.drop(Path(self.sandbox_home), self.destination)
            return transport_to(drop.pop("address"), drop, self._secret)
        if self.is_diverted and not self.endpoint.startswith(_SFTP):
            raise NeedsHumanError(
                f"{self.destination}: its address is not the platform's own, and is none of SFTP, which this account "
                f"is for; name {_SFTP}host:port in SEGMENT_ASSETS_ENDPOINTS"
            )
        address, kept = self.endpoint if self.is_diverted else published, self.kept()
        if "server" in self.settings and not self.is_diverted and kept and not kept.get("host_key"):
            # The plan alone could have the account's password, and its people, sent to anybody.
            raise NeedsHumanError(
                f"{self.destination}: the plan names a server of its own, so the key of that server has to be in the "
                f"secret {self._secret}; put host_key there, on the platform's word"
            )
        return transport_to(address, kept, self._secret, host_keys=self.settings.get("host_key", ""))

    @property
    def _stores(self) -> Stores:
        from segment_assets.resources.stores import Stores

        return Stores(self.region, self.role_arn, self.kms_key, self.external_id)

    def _gated(self, destination: Destination, transport: Transport, *, to_follow: bool) -> Transport:
        if not self.lake_home:
            return transport
        from segment_assets.delivery.breaker import Breaker
        from segment_assets.delivery.daily import Day
        from segment_assets.delivery.gate import Gate
        from segment_assets.delivery.pacing import FOLLOWER_SHARE, RUN_SHARE, Pace

        lake, quota = self._stores.lake(self.lake_home), destination.contract.quota
        breaker = Breaker(lake, self.destination, self.account)
        part = FOLLOWER_SHARE if to_follow else RUN_SHARE
        pace = Pace(quota, self.account, part=part, share=breaker.pace)
        day = Day.of(lake, self.destination, self.account, quota)
        return Gate(transport, breaker, pace, day=day, is_throttle=getattr(destination, "is_throttle", None))

    def _token(self) -> AccountToken | None:
        if not self.secrets_home:
            return None
        from segment_assets.resources.credentials import USER_AGENT, AccountToken

        secrets, agent = self._stores.secrets(self.secrets_home), self.settings.get("user_agent") or USER_AGENT
        return AccountToken(secrets, self._secret, self.token, user_agent=agent)

    def _secret_headers(self, names: Mapping[str, str]) -> dict[str, str]:
        """The values of a contract's `secret_headers`; the platform refuses a call that lacks one.

        The sandbox takes its token for each that is not kept.
        """
        if not names:
            return {}
        held = self.kept()
        otherwise = self.token if self.sandbox_home and not self.endpoint else ""
        found = {header: held.get(name) or otherwise for header, name in names.items()}
        return {header: value for header, value in found.items() if value}

    def _mapped(self, destination: Destination, transport: Transport) -> Transport:
        """The same way behind the identity map, whose keys are asked for when there is something to map.

        The sandbox's own map takes its token for the key, and the token's digest for the secret.
        """
        from segment_assets.resources.identity_map import IdentityMap
        from segment_assets.resources.mapped_transport import MappedTransport
        from segment_assets.resources.transport import HttpTransport

        if self.is_diverted and not self.identity_map:
            raise NeedsHumanError(
                f"{self.destination}: its address is not the platform's own, and its identity map still is: hashed "
                f"e-mails would go there; name {self.destination}.identity_map in SEGMENT_ASSETS_ENDPOINTS too"
            )
        held = self._secret_headers({name: name for name in ("identity_map_key", "identity_map_secret")})
        secret = held.get("identity_map_secret", "")
        if self.sandbox_home and not self.endpoint and secret == self.token:
            secret = base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()
        address = self.identity_map or (destination.contract.identity_map if self.endpoint else self._own_sandbox())
        to_map = HttpTransport(address, held.get("identity_map_key", ""))
        return MappedTransport(transport, IdentityMap(to_map, secret), cast("MappedDestination", destination))

    def kept(self) -> Mapping[str, str]:
        """The account's secret, read with the rights of deliveries: no other duty may. Empty where none is kept."""
        return self._stores.secrets(self.secrets_home).read(self._secret).values if self.secrets_home else {}

    @property
    def _secret(self) -> str:
        return f"{self.destination}.{self.account}"

    def page(self) -> str:
        """Where a person can look at this account's audiences, empty when there is no such page."""
        return self._sandbox_url() if self.sandbox_home and not self.endpoint else ""

    def _destination(self, statements: Mapping[str, str]) -> Destination:
        from segment_assets import destinations

        version = {"api_version": self.api_version} if self.api_version else {}
        made = destinations.connect(self.destination, self.account, {**self.settings, **version}, statements)
        return always_due(made) if self.sandbox_home and not self.endpoint else made

    def _own_sandbox(self) -> str:
        """Behind its own name: paths of several platforms may be the same."""
        return f"{self._sandbox_url()}/{self.destination}"

    def _sandbox_url(self) -> str:
        from segment_assets.sandbox import process

        running = process.running(Path(self.sandbox_home))
        if running is None:
            raise NeedsHumanError("the platform sandbox is not running; start it with `segment-assets sandbox`")
        return running.url


class _NothingLeaves:
    """The way out of a deployment that only previews."""

    def send(self, request: Request) -> Response:
        """Refuse."""
        raise NeedsHumanError(
            f"{request.method} was not sent: this deployment only previews; merge the branch, and let the deployment "
            "in production send it"
        )

    def close(self) -> None:
        """Nothing is open."""


def _renewal(token: AccountToken | None) -> Callable[[], str] | None:
    return token.renewed if token is not None else None


def always_due(destination: D) -> D:
    """The same for the sandbox: it has no quota worth saving, and its clock is moved by hand."""
    contract = destination.contract
    follow, replacing = contract.follow, contract.replacing
    if follow is None and replacing is None:
        return destination
    follow = dataclasses.replace(follow, first=0.0, longest=0.0) if follow else None
    replacing = dataclasses.replace(replacing, rest_seconds=0.0) if replacing else None
    changed = dataclasses.replace(contract, follow=follow, replacing=replacing)
    return dataclasses.replace(destination, contract=changed)  # type: ignore[type-var,no-any-return]
