"""Benchmarks; their results are the tables in ``docs/``."""
