"""Dated data: programmes' limits and payers."""
