"""Before FastAPI: connections and ASGI middleware."""
