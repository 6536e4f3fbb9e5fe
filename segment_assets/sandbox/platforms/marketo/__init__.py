"""Marketo behind AppFlow: a custom object of memberships with a dedupe field, which a flow cannot name."""

from segment_assets.sandbox.platforms.appflow.crm import Crm, Entity
from segment_assets.sandbox.platforms.appflow.platform import AppFlow

CRM = Crm(
    connector_type="Marketo",
    entities={
        "segmentMember_c": Entity(
            fields=frozenset({"memberKey", "segment", "emailSha256", "isMember"}),
            ids=frozenset({"memberKey"}),
            person="emailSha256",
            member="isMember",
        )
    },
    profile="marketo-crm",
    takes_ids=False,
)


class PLATFORM(AppFlow):
    """The simulated platform."""

    name = "marketo"
    crm = CRM
    shape = CRM.shape
