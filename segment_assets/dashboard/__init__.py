"""The pages that people look at: insight tables -> self-contained HTML files, and small PNG previews of their charts.

Belongs here: what is shown and how it is worded. Pure: rows in, text and bytes out. Not here: computing a number
(`queries`, `measurement`), reading tables and writing pages (`assets.dashboards`). Altair is imported with the first
chart.
"""

from __future__ import annotations

from segment_assets.dashboard.figures import Audience, Figures
from segment_assets.dashboard.page import page, previews
from segment_assets.dashboard.pages import PAGES, Page

__all__ = ["PAGES", "Audience", "Figures", "Page", "page", "previews"]
