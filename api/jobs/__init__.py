"""Submitting, waiting for, reading, exporting and cancelling jobs."""
