"""Recovers lost items and deletes left-over uploads."""
