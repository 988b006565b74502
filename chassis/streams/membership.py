"""The Faust app as a member of the stage's group: who it is there, and what it waits for.

Membership is static: a worker that is back within the session timeout gets its partitions at once
and nobody else stops. The broker then hands out the assignment it has, even to a worker that now
reads other topics, and would do so at each restart. So the inputs are part of who the member is: a
worker with another set of inputs is another member, and waits until the former one is missed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence

from faust.exceptions import ConsumerNotStarted

from chassis.streams.bounds import OUTSIDE_S, REBALANCE_S, REQUEST_S
from chassis.streams.fetching import FetchOptions
from chassis.streams.settings import StreamSettings
from chassis.streams.transport import BatchApp

BUFFERED_ENVELOPES = 4
INPUTS_DIGEST_BYTES = 4


def instance_id(group_id: str, slot: str, inputs: Sequence[str]) -> str:
    """The static member that a slot with these inputs is."""
    digest = hashlib.blake2b(",".join(sorted(inputs)).encode(), digest_size=INPUTS_DIGEST_BYTES)
    return f"{group_id}-{slot}-{digest.hexdigest()}"


def member_app(
    group_id: str, settings: StreamSettings, inputs: Sequence[str], partitions: int
) -> BatchApp:
    """The app, not yet started, with neither agent nor callbacks."""
    return BatchApp(
        group_id,
        fetch=FetchOptions(
            records_max=settings.fetch_records_max,
            session_timeout_s=settings.session_timeout_s,
            heartbeat_s=settings.heartbeat_s,
        ),
        broker=";".join(f"kafka://{server}" for server in settings.bootstrap.split(",")),
        store="memory://",
        datadir=settings.run_dir / f"faust-{group_id}-{settings.slot}",
        topic_partitions=partitions,
        consumer_group_instance_id=instance_id(group_id, settings.slot, inputs),
        stream_buffer_maxsize=BUFFERED_ENVELOPES,
        broker_request_timeout=REQUEST_S,
        broker_session_timeout=settings.session_timeout_s,
        broker_rebalance_timeout=REBALANCE_S,
    )


class NotInGroup(Exception):
    """The worker has been without an assignment for too long, or its consumer hangs."""


class MembershipWatch:
    """Notices that the group is lost where neither aiokafka nor Faust says so."""

    def __init__(self, ask: Callable[[], Awaitable[None]], monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asking: asyncio.Future[None] | None = None
        self._asked_at = 0.0
        self._outside_since: float | None = monotonic()

    def joined(self) -> None:
        """An assignment has come, be it of nothing."""
        self._outside_since = None

    def left(self) -> None:
        """The assignment was taken away."""
        self._outside_since = self._monotonic()

    def look(self) -> BaseException | None:
        """Why the process should end, if it should. To be called about once a second."""
        now = self._monotonic()
        if self._asking is None:
            self._asking, self._asked_at = asyncio.ensure_future(self._ask()), now
        elif self._asking.done():
            answer, self._asking = self._asking.exception(), None
            # Its loop has not begun, or has ended: Faust is about to say why.
            if answer is not None and not isinstance(answer, ConsumerNotStarted | RuntimeError):
                return answer
        elif now - self._asked_at > OUTSIDE_S:
            return NotInGroup(f"the consumer has not answered for {OUTSIDE_S:g} s")
        if self._outside_since is not None and now - self._outside_since > OUTSIDE_S:
            return NotInGroup(f"no assignment for {OUTSIDE_S:g} s")
        return None
