"""API and worker for ``benchmarks.hops`` that record when each step begins and ends."""
