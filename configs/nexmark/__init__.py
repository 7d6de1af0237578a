"""Queries over the auction site of Nexmark."""
