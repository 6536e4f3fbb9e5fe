"""The walked world of the orchestration tests, for the branch world's deliveries."""

from __future__ import annotations

from segment_assets_tests.orchestration.conftest import copied, walked  # noqa: F401
