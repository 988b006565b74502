"""Tables, peers, Kafka and the other services behind the ports."""
