"""Checks and pictures that a developer runs."""
