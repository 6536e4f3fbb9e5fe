"""A stand-in for Amazon QuickSight on loopback: no picture is drawn, and no row is read.

Belongs here: the calls that keep data sources, data sets, dashboards, their permissions and loads, requests and answers
held against botocore's model. It shows that requests have the API's shape, that a definition names data sets and
columns that are there, and that work which ends later, lost answers, conflicts and throttles are lived with. It shows
nothing of how a dashboard looks, or whether QuickSight understands an expression.

Not here: anything that our own resource does or expects. Sources: botocore 1.44 (QuickSight 2018-04-01), the API
reference; where they say nothing, our reading stands beside the code.
"""

from segment_assets.sandbox.aws.quicksight.app import serving
from segment_assets.sandbox.aws.quicksight.service import QuickSight, Settings

__all__ = ["QuickSight", "Settings", "serving"]
