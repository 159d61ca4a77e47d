"""``make gpu-check``: checks and benchmarks of one GPU, in at most ten minutes."""
