"""Broken promises: empathy first, then the fix, confirmed by the customer; and the five ways a story can end."""
