"""Benchmarks: ours beside a peer, in one run on one machine. ``make bench NAME=p7``."""
