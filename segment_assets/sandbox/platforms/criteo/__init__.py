"""Criteo's contact-list segments (marketing solutions) as published, on the sandbox's kit.

Belongs here: segments, amendments of their lists, statistics, tokens, quota. Source: developers.criteo.com, and
criteo-api-marketingsolutions-sdk 2027.1.0.261026 (paths, fields, enumerations); where they say nothing, our reading is
stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.criteo.platform import Criteo

PLATFORM = Criteo
