"""Google's Data Manager API (Customer Match, Google Ads and Display & Video 360) after its published contract.

Belongs here: user lists, audience members, request status, quota, errors. Source: docs/destinations/google.md; where
Google says nothing, our reading is stated at the top of the module. Not here: anything our own connector does.
"""

from segment_assets.sandbox.platforms.google.platform import Google

PLATFORM = Google
