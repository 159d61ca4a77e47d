"""``make serve``: runs Redis, the workers and the API on one screen."""
