"""The Trade Desk's CRM data segments as other vendors' connectors know them, on the sandbox's kit.

Belongs here: segments, addresses, files and what becomes of them. Not here: anything our own connector does.
Source: Segment's connector (calls, fields, 1,500 rows), The Trade Desk's upgrade notes (paths of v3); where they say
nothing, our reading is stated at the top of the module.
"""

from segment_assets.sandbox.platforms.the_trade_desk_crm.platform import CrmData

PLATFORM = CrmData
