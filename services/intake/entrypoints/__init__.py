"""The doors: HTTP for frontends, Kafka for the projection. Decode, call, encode; no rules."""
