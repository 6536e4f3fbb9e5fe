"""What a declaration of a page is made of.

Belongs here: the shape, and making sections of it. Not here: any page.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.dashboard.showing import section_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_assets.dashboard.figures import Figures
    from segment_assets.dashboard.panels import Panel
    from segment_assets.dashboard.parts import Section

    MakeSection = Callable[[Figures], Section]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its file, its title, its sections in order. `previews` are the two ids that say most at a glance.

    `deliveries`: also shows where the people of audiences stand, so it is made when something was delivered.
    """

    name: str
    file: str
    menu: str
    title: str
    sections: Sequence[Panel | MakeSection]
    previews: tuple[str, str]
    deliveries: bool = False

    def panels(self) -> list[Panel]:
        """The declared charts."""
        return [part for part in self.sections if not callable(part)]

    def tables(self) -> list[str]:
        """Names of the tables that the declared charts show."""
        return sorted({panel.table for panel in self.panels()})

    def sections_of(self, figures: Figures) -> list[Section]:
        """All sections with the numbers of now."""
        return [part(figures) if callable(part) else section_of(part, self.menu, figures) for part in self.sections]
