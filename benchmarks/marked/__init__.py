"""The api and the worker of ``benchmarks.hops``, which note when each step begins and ends."""
