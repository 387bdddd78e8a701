"""Benchmarks: run by hand, as `python -m tests.benchmarks.NAME`; they print ratios against a limit of the same run."""
