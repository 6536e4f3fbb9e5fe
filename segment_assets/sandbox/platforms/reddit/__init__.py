"""Reddit's custom audiences as its published contract describes them, on the sandbox's kit.

Belongs here: errors, audiences, their users, budgets of calls, the renewal of tokens. Source: Reddit Ads API v3, its
OpenAPI description; where Reddit says nothing, our reading is stated at the top of the module. Not here: anything our
own connector does or expects.
"""

from segment_assets.sandbox.platforms.reddit.platform import Reddit

PLATFORM = Reddit
