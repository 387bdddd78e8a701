"""Who is here, who may be asked, and in which order."""
