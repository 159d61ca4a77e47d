"""The Celery queues: names, app, messages."""
