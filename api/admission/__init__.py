"""Decides which requests are accepted, from the cluster's state in Redis."""
