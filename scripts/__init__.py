"""Commands for developers: install, serve, check."""
