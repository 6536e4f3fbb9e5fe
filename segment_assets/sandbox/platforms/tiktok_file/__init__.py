"""TikTok's customer file audiences as they are told, on the sandbox's kit.

Belongs here: files, lists made of them, changes that are worked through later. Source: TikTok API for Business v1.3,
tiktok-business-api-sdk-official 1.1.3, and public clients that transcribe TikTok's reference; where they say nothing,
our reading is stated at the top of the module. Token, quota and envelope are those of the platform `tiktok`. Not here:
anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.tiktok_file.platform import TikTokFile

PLATFORM = TikTokFile
