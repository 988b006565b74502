"""Decides who is owed what: identify, dedup, link and decide on the stream core, and registers."""
