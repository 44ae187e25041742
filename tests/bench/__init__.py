"""Benchmarks: what each step costs, as a ratio to a floor or a peer of the same run.

`make bench` measures and writes docs/benchmarks.md, its plots and its JSON.
"""
