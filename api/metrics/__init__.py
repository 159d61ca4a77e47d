"""Prometheus metrics of the api and of the pipeline behind it."""
