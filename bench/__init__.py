"""Benchmarks: plain scripts, run as `python -m bench.NAME`."""

from handfast.cli import seldom_collected

seldom_collected()
