"""TikTok's segment API (streaming into partner audiences) as it is told, on the sandbox's kit.

Belongs here: the envelope with its codes, audiences, the mapping of people, quota. Source: TikTok API for Business
v1.3, tiktok-business-api-sdk-official 1.1.3, and public connectors of other vendors; where they say nothing, our
reading is stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.tiktok.platform import TikTok

PLATFORM = TikTok
