"""Dated rules of programmes."""
