"""Load generator and measurements of the benchmarks."""
