"""Figures of Waterspout beside a bare loop and other stream processors; see docs/benchmarks.md."""
