"""Benchmarks: DataFlow beside its peers in one run, on private servers and a release build."""
