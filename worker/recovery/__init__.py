"""Finding lost items and left-over uploads."""
