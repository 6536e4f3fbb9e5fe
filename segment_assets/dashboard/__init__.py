"""The dashboard: insight tables -> one self-contained HTML page, and small PNG previews of its charts.

Belongs here: what is shown and how it is worded. Pure: rows in, text and bytes out. Not here: computing a number
(`queries`), reading tables and writing the page (`assets.dashboards`). Altair is imported with the first chart.
"""

from __future__ import annotations

from segment_assets.dashboard.figures import Audience, Figures
from segment_assets.dashboard.page import page, previews

__all__ = ["Audience", "Figures", "page", "previews"]
