"""Which model is served: catalog, weights, download, transforms."""
