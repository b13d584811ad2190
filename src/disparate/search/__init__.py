"""Searching a trade-off: variants of one audit, chosen on one split and reported on another."""
