"""Results on stdout and in files, and messages on stderr."""
