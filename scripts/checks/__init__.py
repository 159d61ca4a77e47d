"""Checks and screenshots for developers."""
