"""What drives and measures the servers."""
