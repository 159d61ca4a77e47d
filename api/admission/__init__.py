"""Which requests are accepted now, from what Redis reports about the cluster."""
