"""The deterministic simulation: the product's own code on a real PostgreSQL, under a virtual clock, with faults drawn from a seed.

`make simulate SEEDS=1000`, `make simulate SEED=17`, `make simulate BROKEN=timer_dropped`; what it checks and what it found out is in
docs/reference/reliability.md.
"""
