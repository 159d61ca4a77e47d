"""What the api and the worker both need; imports neither."""
