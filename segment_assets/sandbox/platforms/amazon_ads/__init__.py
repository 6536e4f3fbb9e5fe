"""Amazon's Ads Data Manager as published, on the sandbox's kit.

Belongs here: terms, data rooms, audience datasets, their members, sharing rules, metrics, tokens. Source:
advertising.amazon.com (Ads data manager: API reference 3.0, get started, dataset management, consent management), and
the models of amazon-ads-api-v1 0.11.0 (fields, lengths, enumerations); where they say nothing, our reading is stated at
the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.amazon_ads.platform import AmazonAds

PLATFORM = AmazonAds
