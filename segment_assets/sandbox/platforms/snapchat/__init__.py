"""Snapchat's customer lists as its published contract describes them, on the sandbox's kit.

Belongs here: envelopes and codes, segments, their users, the budget of a token, the renewal of tokens. Source: Snap's
Marketing API, "Customer Lists", "Rate limits", "API patterns" and "Authentication"; where Snap says nothing, our
reading is stated at the top of the module. Not here: anything our own connector does or expects.
"""

from segment_assets.sandbox.platforms.snapchat.platform import Snapchat

PLATFORM = Snapchat
