"""What was promised and what became of it: read at a glance in the morning, and told to the founder if wanted."""
