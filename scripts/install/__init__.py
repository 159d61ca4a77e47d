"""``python -m scripts.install serve|dev``: fills the virtual environment; versions are locked."""
