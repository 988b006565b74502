"""Kafka as this project uses it: durable producing, plain batches, a topic catalogue.

Every producer partitions by murmur2 and writes two headers: `type` (full protobuf message name) and
`traceparent`.
"""
