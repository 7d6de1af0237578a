"""Hypothesis for all tests: no time limits, and the same examples in every run.

A limit would fail on a busy machine. Random examples belong to a search, not to a gate:
``HYPOTHESIS_PROFILE=search`` draws new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_PATIENT = [HealthCheck.too_slow]

settings.register_profile(
    "gate", deadline=None, derandomize=True, suppress_health_check=_PATIENT
)
settings.register_profile(
    "search", deadline=None, max_examples=2000, suppress_health_check=_PATIENT
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
