"""Doors of the process: Kafka, gRPC, the bank's folder. Decode, call, encode; no rules."""
