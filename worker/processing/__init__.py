"""Processing of one photo in a worker, from its message to its result."""
