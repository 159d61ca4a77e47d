"""Selects and downloads the model that the settings name, and its weights and transform."""
