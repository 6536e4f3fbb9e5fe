"""Pinterest's customer lists and audiences (API v5) as published, on the sandbox's kit.

Belongs here: lists, what is put into them and taken out, audiences made of them, tokens, quota. Source: Pinterest's
OpenAPI description 5.23.0 (paths, fields, enumerations, errors), pinterest-api-sdk 0.2.7; where they say nothing, our
reading is stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.pinterest.platform import Pinterest

PLATFORM = Pinterest
