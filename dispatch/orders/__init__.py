"""Orders, their lines, the promise ledger and their history; and the branch they belong to."""
