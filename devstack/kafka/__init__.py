"""The embedded Apache Kafka: which jars it is made of, and how its one broker is run."""
