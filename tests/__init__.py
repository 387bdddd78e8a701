"""The tests, and what they share: `from tests.postgres import …`."""
