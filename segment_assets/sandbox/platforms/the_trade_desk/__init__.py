"""The Trade Desk's Data API and UID2's identity map as published, on the sandbox's kit.

Belongs here: an advertiser's data, deletion requests, the map's envelope and ids.
Source: ttd-data 0.3.2 (paths, fields, error codes), the Data API's description, unifiedid.com and uid2-client 2.9.0;
where they say nothing, our reading is stated at the top of the module. Not here: anything our own connector does.
"""

from segment_assets.sandbox.platforms.the_trade_desk.platform import TheTradeDesk

PLATFORM = TheTradeDesk
