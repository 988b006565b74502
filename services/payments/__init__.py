"""Pay: the ledger, the bank files, and what the bank answered. Fifth station of the way."""
