"""The worker: takes photos from the Celery queues and classifies them."""
