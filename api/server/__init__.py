"""HTTP connections and ASGI middleware, which handle a request before FastAPI."""
