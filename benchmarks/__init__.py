"""Figures of the product beside its peers': python -m benchmarks.NAME [--json] [--long]."""
