"""The pages: the road, which links to the others, and one each for planning, activation and measurement.

Belongs here: which sections a page has, in which order, and which of its charts are shown small in the catalogue. Not
here: the HTML (`dashboard.page`), drawing (`charts`, `lines`).
"""

from __future__ import annotations

from segment_assets.dashboard.pages.activation import ACTIVATION
from segment_assets.dashboard.pages.measurement import MEASUREMENT
from segment_assets.dashboard.pages.model import Page
from segment_assets.dashboard.pages.planning import PLANNING
from segment_assets.dashboard.pages.road import ROAD

PAGES: dict[str, Page] = {page.name: page for page in (ROAD, PLANNING, ACTIVATION, MEASUREMENT)}

__all__ = ["ACTIVATION", "MEASUREMENT", "PAGES", "PLANNING", "ROAD", "Page"]
