"""How long a stage waits for what, all in one place, as each bound has to end inside another.

    commit and abort and store  <  giving a partition up  <  rebalance
    commit                      <  transaction
    full buffer                 <  transaction
    closing and stopping Faust  <  the supervisor's patience (10 s)

What outlives its bound ends the process with status 1. That is always safe: the next owner fences,
aborts what is open, and reads again from the committed offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

COMMIT_SHARE = 0.8
"""Of the transaction's timeout. The coordinator counts from the first record and aborts by itself:
a commit that goes on past it is fenced and only hides the reason."""
ABORT_S = 3.0
"""A courtesy to readers: what is not aborted now is aborted by the next fence or the timeout."""
STORE_S = 5.0
"""For writing the group into the store, and for the flush when that is closed."""
FENCE_S = 30.0
"""For `init_transactions` with all its tries: a coordinator that has just started loads for some
seconds, and the former owner's transaction is settled first."""
FENCE_STEP_S = 4.0
"""One try of it; a revocation is noticed between two."""
LOOKUP_S = 15.0
"""One question to a broker while a partition is taken over: committed offsets, which are waited
for until they are settled, or the ends of a log. Nothing can interrupt it."""
BUFFER_FULL_S = 10.0
"""How long a record waits for space in the send buffer; the event loop stands still meanwhile."""
REQUEST_S = 30.0
"""One request of aiokafka's; heartbeats have bounds of their own."""
REBALANCE_S = 60.0
"""How long the broker waits for every member to give its partitions up and join again; it throws
out whoever takes longer, and until then the whole stage stands still."""
OUTSIDE_S = 2 * REBALANCE_S
"""How long a worker may be without an assignment, or its consumer without an answer."""
STOP_CLOSE_S = 5.0
"""After a signal or a failure: to commit or abort everything. Shorter than on a revocation, as the
supervisor kills after ten seconds; what is not committed is read again."""
STOP_FAILED_S = 1.0
"""How long Faust may take to stop when nothing is left that could be lost."""
OPEN_S = 10.0
"""For the consumer's thread to seek a partition."""


class BoundsClash(ValueError):
    """A setting would make an inner bound outlast the one around it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that follow from a stage's transaction timeout."""

    transaction_s: float

    def __post_init__(self) -> None:
        """Raises BoundsClash."""
        if self.give_up_s >= REBALANCE_S:
            raise BoundsClash(
                f"transaction_timeout_s {self.transaction_s:g}: a partition would be given up in "
                f"{self.give_up_s:g} s, a rebalance waits for {REBALANCE_S:g}"
            )

    @property
    def commit_s(self) -> float:
        """Sending the offsets and committing, with all retries."""
        return COMMIT_SHARE * self.transaction_s

    @property
    def give_up_s(self) -> float:
        """From a revocation until every partition is committed or aborted, and closed."""
        return self.commit_s + ABORT_S + STORE_S
