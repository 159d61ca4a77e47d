"""From the paths on the command line to batches of photos."""
