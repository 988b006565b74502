"""What can go wrong with Kafka, by what the caller should do about it. Texts hold no content."""


class ProduceError(Exception):
    """A record was not confirmed. It may still have been written: retries must be idempotent."""


class BrokerUnavailable(ProduceError):
    """No acknowledgement within the delivery timeout; the caller may answer "try later"."""


class QueueFull(ProduceError):
    """Too many records are in flight; the caller must shed load."""


class RecordRefused(ProduceError):
    """The broker or the client refuses this record (too large, no such topic); do not retry."""


class ProducerBroken(ProduceError):
    """The idempotent producer is in a fatal state; the process must end."""


class InvalidMessage(Exception):
    """A record that no retry will make right; it becomes a dead letter with this reason."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


class DeadLetterLimit(Exception):
    """Too many dead letters in the window: the fault is likely ours, so the consumer stops."""


class OffsetConflict(Exception):
    """Another consumer moved this partition's stored position: the batch must be rolled back."""


class OffsetLost(Exception):
    """The stored position lies outside what the broker still has; a person must decide."""


class NotPermitted(Exception):
    """The topic catalogue does not let this principal read or write a topic."""
