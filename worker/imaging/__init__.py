"""Decodes, resizes and crops photos: from a photo's bytes to the model's input."""
