"""One typed error on both sides of an RPC: a status code and a constant reason.

The reason is a word such as "batch_not_frozen"; it is sent as the status text, so it must not hold
data of a person.
"""

import grpc


class RpcFailure(Exception):
    """Raised by a handler to answer with a status, and by `call` when a peer answered so."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


def invalid_argument(reason: str) -> RpcFailure:
    """The request can never succeed as it is."""
    return RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, reason)


def not_found(reason: str) -> RpcFailure:
    """There is no such thing, or the caller may not know of it."""
    return RpcFailure(grpc.StatusCode.NOT_FOUND, reason)


def failed_precondition(reason: str) -> RpcFailure:
    """The state does not allow it now; repeating alone will not help."""
    return RpcFailure(grpc.StatusCode.FAILED_PRECONDITION, reason)


def permission_denied(reason: str) -> RpcFailure:
    """Known, but not allowed."""
    return RpcFailure(grpc.StatusCode.PERMISSION_DENIED, reason)


def already_exists(reason: str) -> RpcFailure:
    """The same key was used with other content."""
    return RpcFailure(grpc.StatusCode.ALREADY_EXISTS, reason)


def unavailable(reason: str) -> RpcFailure:
    """Try again later with the same request."""
    return RpcFailure(grpc.StatusCode.UNAVAILABLE, reason)
