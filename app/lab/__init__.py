"""Replay, judging, fitting and benchmarks."""
