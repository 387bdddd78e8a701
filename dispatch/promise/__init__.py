"""The promise clock: three clocks chained backwards from the promise, in plain words."""
