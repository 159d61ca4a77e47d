"""API keys, and the middleware that checks them."""
