"""The Celery transport of a worker."""
