"""Zendesk behind AppFlow: users by their external id, all of whom are there, and a field per segment."""

from segment_assets.sandbox.platforms.appflow.crm import Crm, Entity
from segment_assets.sandbox.platforms.appflow.platform import AppFlow

CRM = Crm(
    connector_type="Zendesk",
    entities={
        "users": Entity(
            fields=frozenset({"email", "external_id", "name"}),
            ids=frozenset({"id", "external_id"}),
            person="external_id",
            member="user_fields.segment_*",
            knows=True,
        )
    },
    profile="zendesk-crm",
)


class PLATFORM(AppFlow):
    """The simulated platform."""

    name = "zendesk"
    crm = CRM
    shape = CRM.shape
