"""The HTTP side: the one of the Clean Rooms stand-in, with QuickSight's model and its word for a bad request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.clean_rooms import app

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from segment_assets.sandbox.aws.clean_rooms.model import Misfit
    from segment_assets.sandbox.aws.quicksight.service import QuickSight


class App(app.App):
    """The ASGI application."""

    name = "quicksight"

    def misfit(self, misfit: Misfit) -> tuple[str, dict[str, Any]]:
        """As the other one's."""
        return "InvalidParameterValueException", {"Message": f"does not fit: {', '.join(misfit.fields)}"}


def serving(service: QuickSight, port: int = 0) -> AbstractContextManager[str]:
    """Serve on loopback until the end of the block. Gives the address."""
    return app.serving(App(service), port)
