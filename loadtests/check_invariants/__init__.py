"""The outside checker: believes nobody, reads only what a stranger could read.

`python -m loadtests.check_invariants DIR [--json FILE]` reads the clients' own history, the topics,
the public views of the ledger, the bank's files and books, the mailboxes and the logs of a run, and
says of each invariant whether it held, naming up to ten offenders. It imports nothing of the
services or of their plumbing (a test keeps it so): only the contracts in proto/.
"""
