"""Stock and reservations, the other shops, and news about lines that must be bought locally."""
