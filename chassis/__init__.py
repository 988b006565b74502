"""Plumbing that every service stands on: Kafka, PostgreSQL, gRPC, sealing, logs and metrics.

Nothing here knows what the events mean; a rule found in this package is in the wrong room.
"""
