"""Kafka, PostgreSQL, key files and the card authority's certificate, behind the ports."""
