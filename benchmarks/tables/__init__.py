"""Results of the benchmarks, and their tables."""
