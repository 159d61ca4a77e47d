"""Writes the table of ImageNet classes and their concepts."""
