"""LinkedIn's DMP segments as its published contract describes them, on the sandbox's kit.

Belongs here: Rest.li paths and headers, segments, their users, quota, errors, the renewal of tokens. Source: LinkedIn
Marketing "Create and manage segments", "Create and manage segment users", the matched audiences FAQ, Rest.li protocol
2.0.0; where LinkedIn says nothing, our reading is stated at the top of the module. Not here: anything our own connector
does or expects.
"""

from segment_assets.sandbox.platforms.linkedin.platform import LinkedIn

PLATFORM = LinkedIn
