"""`make gpu-check`: what can only be seen on a machine with a GPU, in at most ten minutes."""
