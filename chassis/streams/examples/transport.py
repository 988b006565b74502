"""A Faust app that takes its records by envelopes; started by `worker`, as any Faust app."""

import os
from collections.abc import AsyncIterable
from typing import Any

from faust.types import TP

from chassis.streams.fetching import FetchOptions
from chassis.streams.transport import BatchApp, Envelope

app = BatchApp(
    "demo-counting",
    fetch=FetchOptions(),
    broker=f"kafka://{os.environ['DEMO_BOOTSTRAP']}",
    store="memory://",
)
openings = 0


@app.agent(app.envelope_topic(["demo.in"]))
async def count(envelopes: AsyncIterable[Envelope]) -> None:
    """Sees batches; `next_offset` is to be stored together with what follows from them."""
    async for envelope in envelopes:
        if envelope.epoch == openings:  # else it was fetched before the last rebalance
            print(f"{len(envelope.records)} records up to {envelope.next_offset}", flush=True)


@app.on_partitions_assigned.connect  # type: ignore[arg-type]
async def open_assigned(sender: Any, assigned: set[TP], **_: Any) -> None:
    """Nothing flows until it is told where to begin; this app begins anew each time."""
    global openings
    openings += 1
    await app.open_partition(dict.fromkeys(assigned, 0), epoch=openings)


if __name__ == "__main__":
    app.main()
