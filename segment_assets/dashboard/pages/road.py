"""The front page: where the people of every audience went, and what the campaign did."""

from __future__ import annotations

from segment_assets.dashboard import flow, measurement, planning
from segment_assets.dashboard.pages.model import Page

ROAD = Page(
    name="road",
    file="index.html",
    menu="Overview",
    title="where everybody went, and what it did",
    sections=(
        flow.flow,
        planning.overlap,
        measurement.reach,
        measurement.creatives,
        measurement.bands,
        planning.profile,
        flow.deliveries,
    ),
    previews=("flow", "creatives"),
    deliveries=True,
)
