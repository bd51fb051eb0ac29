"""Evaluate a network: benchmarks, metrics, and the report."""
