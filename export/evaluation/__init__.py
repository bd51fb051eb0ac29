"""How good a network is: benchmarks, metrics, and the report."""
