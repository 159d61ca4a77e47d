"""What ``make serve`` runs: Redis, the workers and the api on one screen."""
