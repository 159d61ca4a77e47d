"""The HTTP front end: FastAPI, no torch, no model."""
