"""The staff's gRPC door and the consumers that fill the tables."""
