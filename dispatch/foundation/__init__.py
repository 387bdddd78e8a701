"""What every room stands on: time, the database, types, errors, settings, logs and opening hours."""
