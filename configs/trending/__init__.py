"""Trending words by sliding windows in two stages, with planted answers."""
