"""HubSpot behind AppFlow: contacts with a unique property, all of whom are there, and a property per segment."""

from segment_assets.sandbox.platforms.appflow.crm import Crm, Entity
from segment_assets.sandbox.platforms.appflow.platform import AppFlow

CRM = Crm(
    connector_type="CustomConnector",
    entities={
        "contacts": Entity(
            fields=frozenset({"email", "email_sha256", "firstname", "lastname"}),
            ids=frozenset({"hs_object_id", "email", "email_sha256"}),
            person="email_sha256",
            member="segment_*",
            knows=True,
        )
    },
    profile="hubspot-crm",
    entity_field="entityName",
)


class PLATFORM(AppFlow):
    """The simulated platform."""

    name = "hubspot"
    crm = CRM
    shape = CRM.shape
