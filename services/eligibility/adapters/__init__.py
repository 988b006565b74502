"""Contracts, sealed values, files and topics on one side; the rules on the other."""
