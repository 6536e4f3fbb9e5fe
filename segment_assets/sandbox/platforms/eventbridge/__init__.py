"""Amazon EventBridge as far as PutEvents goes, on the sandbox's kit: events of each kind are a list of the page.

Belongs here: the events of a bus. Source: botocore 1.44.5 (EventBridge 2015-10-07; requests are validated with its
model, codes of an entry are those that it lists). Not here: anything our own events say.
"""

from segment_assets.sandbox.platforms.eventbridge.platform import EventBridge

PLATFORM = EventBridge
