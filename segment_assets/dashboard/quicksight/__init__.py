"""Amazon QuickSight dashboards as code: the declared tables and pages as the API's own requests.

Belongs here: data source, data sets and dashboards as JSON, and the rules that AWS's model does not know (`lint`).
Pure: the same declarations give the same bytes. Not here: sending them (`resources.aws.quicksight`), which columns a
table has (`tables`), which chart a page has (`dashboard.pages`).

Shapes: https://docs.aws.amazon.com/quicksight/latest/APIReference (2018-04-01), as botocore's model has them. No
definition was ever opened in QuickSight.
"""

from __future__ import annotations

from segment_assets.dashboard.quicksight.bundle import Bundle, bundle
from segment_assets.dashboard.quicksight.lint import BrokenDefinitionError, Fault, faults
from segment_assets.dashboard.quicksight.place import ImportMode, Place

__all__ = ["BrokenDefinitionError", "Bundle", "Fault", "ImportMode", "Place", "bundle", "faults"]
