"""The emulators for every test of this folder."""

from __future__ import annotations

from segment_assets_tests.aws.emulators import ministack, seaweedfs  # noqa: F401
from segment_assets_tests.orchestration.conftest import walked  # noqa: F401
