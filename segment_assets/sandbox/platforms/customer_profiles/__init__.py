"""Amazon Connect Customer Profiles as published, on the sandbox's kit: segment definitions, upload jobs, profiles.

Belongs here: a domain with its profiles. Source: botocore 1.44.5 (Customer Profiles 2020-08-15; requests are validated
with its model), the administrator's guide on segments from imported files; where they say nothing, our reading is
stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.customer_profiles.platform import CustomerProfiles

PLATFORM = CustomerProfiles
