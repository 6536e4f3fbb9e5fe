"""Salesforce behind AppFlow: a custom object of memberships, which the owner of the org made before."""

from segment_assets.sandbox.platforms.appflow.crm import Crm, Entity
from segment_assets.sandbox.platforms.appflow.platform import AppFlow

CRM = Crm(
    connector_type="Salesforce",
    entities={
        "Segment_Member__c": Entity(
            fields=frozenset({"Member_Key__c", "Segment__c", "Email_SHA256__c", "Is_Member__c", "Name"}),
            ids=frozenset({"Id", "Member_Key__c"}),
            person="Email_SHA256__c",
            member="Is_Member__c",
        )
    },
    profile="salesforce-crm",
)


class PLATFORM(AppFlow):
    """The simulated platform."""

    name = "salesforce"
    crm = CRM
    shape = CRM.shape
