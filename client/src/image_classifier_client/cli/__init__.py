"""The command ``classify``."""
