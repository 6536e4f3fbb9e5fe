"""Microsoft Advertising's customer match (Campaign Management v13, REST) as published, on the sandbox's kit.

Belongs here: customer lists, Apply, sizes, tokens, throttling. Source: learn.microsoft.com (CustomerList,
CustomerListUserData, GetAudiencesByIds, operation error codes) and msads 13.0.30.1 (paths, fields, enumerations); where
they say nothing, our reading is stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.microsoft_ads.platform import MicrosoftAdvertising

PLATFORM = MicrosoftAdvertising
