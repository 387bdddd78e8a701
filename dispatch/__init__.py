"""dispatch keeps a shop's promises: it sees early what will break and texts whoever can still save it."""
