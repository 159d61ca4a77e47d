"""Code that the API and the worker share; it imports neither of them."""
