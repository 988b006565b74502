"""What touches the outside: PostgreSQL, Kafka, the bank's folder, gRPC peers, key files."""
