"""Plain Faust, as its tutorial says: an agent an event, a table, `await topic.send`.

The same rules with batches of one; the table in memory with its changelog topic; at least once.

    python -m bench.core.plain_faust SETTINGS.json
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust

from bench.core.hops import bytes_of, logic_of
from bench.core.worker import WorkerSettings, say_ready
from chassis.kafka.topics import TopicCatalogue
from chassis.streams import Incoming


class TableState:
    """A Faust table as the rules' state; Faust chooses the partition by the current event."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: bytes) -> bytes | None:
        """The value."""
        value: bytes | None = self._table.get(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""
        self._table[key] = value

    load = put

    def delete(self, key: bytes) -> None:
        """Remove a value."""
        self._table.pop(key, None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with the prefix, in byte order."""
        return iter(sorted(each for each in self._table.items() if each[0].startswith(prefix)))


def build_app(settings: WorkerSettings) -> Any:
    """The app with its one agent."""
    logic = logic_of(settings.hop, Path(settings.secrets))
    catalogue = TopicCatalogue.load()
    codecs = {topic: catalogue.codec(topic) for topic in logic.inputs}
    app = faust.App(
        f"{settings.prefix}-{settings.hop}",
        broker=f"kafka://{settings.bootstrap}",
        store="memory://",
        datadir=settings.state,
        topic_partitions=settings.partitions,
        web_enabled=False,
        topic_disable_leader=True,
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    outputs = {
        topic: (app.topic(topic, **raw), {"type": catalogue.codec(topic).name.encode()})
        for topic in logic.outputs
    }
    # Bytes are taken raw, as their types say.
    table = app.Table("state", partitions=settings.partitions, key_type=bytes, value_type=bytes)
    state = TableState(table)
    loaded = 0

    async def take(stream: Any) -> None:
        nonlocal loaded
        async for event in stream.events():
            message = event.message
            incoming = Incoming(
                message.topic, message.partition, message.offset, message.key,
                codecs[message.topic].decode(message.value), int(message.timestamp * 1000), None,
                message.value,
            )  # fmt: skip
            logic.check(incoming)
            for output in logic.process([incoming], state):
                topic, headers = outputs[output.topic]
                await topic.send(key=output.key, value=bytes_of(output), headers=headers)
            if message.topic.startswith("registry."):
                loaded += 1
                if loaded == settings.registers:
                    say_ready()

    app.agent(app.topic(*logic.inputs, **raw), name="stage")(take)

    async def started(*_: Any, **__: Any) -> None:
        if settings.registers == 0:
            say_ready()

    app.on_partitions_assigned.connect(started, weak=False)
    return app


def main(arguments: list[str]) -> int:
    """The exit status."""
    app = build_app(WorkerSettings.read(Path(arguments[0])))
    worker = faust.Worker(app, loglevel=logging.ERROR, redirect_stdouts=False)
    worker.execute_from_commandline()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
