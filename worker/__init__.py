"""Celery and the model: no FastAPI."""
