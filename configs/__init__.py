"""Topologies to run, copy and learn from."""
