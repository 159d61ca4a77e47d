"""The way of one photo through a worker."""
