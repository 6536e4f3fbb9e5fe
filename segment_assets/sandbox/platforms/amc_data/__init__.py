"""AMC's advertiser data upload as it answers its callers, on the sandbox's kit, beside the bucket that it reads.

Belongs here: a caller's bucket, data sets, uploads, deletions. Not here: anything our own connector does.
Source: advertising.amazon.com (AMC guides "Advertiser data upload"), Amazon's OpenAPI "Advertiser Data Upload" 3.0, S3
2006-03-01; where they say nothing, our reading is stated at the top of the module.
"""

from segment_assets.sandbox.platforms.amc_data.platform import AdvertiserDataUpload

PLATFORM = AdvertiserDataUpload
