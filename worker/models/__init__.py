"""Finds the model in the settings: catalog, weights, download, transforms."""
