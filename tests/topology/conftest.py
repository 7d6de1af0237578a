"""Hypothesis for these tests: no time limit per example, and the same examples in every run.

A limit would fail on a busy machine. Random examples belong to a search, not to a gate:
``HYPOTHESIS_PROFILE=search`` draws new ones.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
