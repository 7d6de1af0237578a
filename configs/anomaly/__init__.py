"""Anomalies in network traffic by sliding windows, with planted answers."""
