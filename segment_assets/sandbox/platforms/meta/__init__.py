"""Meta Custom Audiences (customer file) as its published contract describes it, on the sandbox's kit.

Belongs here: Graph API paths, errors, payload rules, sessions, throttling. Source: docs/destinations/meta.md; where
Meta says nothing, our reading is stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.meta.graph import Meta

PLATFORM = Meta
