"""The ladder: who is asked for help about an order, when, and until when a taker is left in peace."""
