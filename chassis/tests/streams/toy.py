"""A toy stage as a process of its own: drops repeated ids and numbers the rest by key.

Its outputs show what could go wrong: a lost record is a missing id, a duplicate is an id twice,
and a state that was not restored is a number that begins anew. Run as
`python chassis/tests/streams/toy.py BOOTSTRAP PREFIX SLOT FOLDER`.
"""

import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from kyufu.events.v1.operations_pb2 import DeadLetter
from prometheus_client import generate_latest

from chassis.clock import SystemClock
from chassis.logging import configure
from chassis.metrics import Metrics
from chassis.streams import Incoming, InvalidMessage, Outgoing, StateView
from chassis.streams.failpoints import VARIABLE, failpoint_of
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageReadiness
from chassis.streams.rocks import RocksStores
from chassis.streams.runner import run_stage
from chassis.streams.settings import StreamSettings

POISON = "poison"
BROKEN = "broken"


class ToyCodec:
    """Encodes one message type."""

    def __init__(self, message_class: type[Message]) -> None:
        self._class = message_class
        self.name = message_class.DESCRIPTOR.full_name

    def decode(self, value: bytes) -> Message:
        """As the catalogue's codec does."""
        message = self._class()
        try:
            message.ParseFromString(value)
        except Exception as error:
            raise InvalidMessage("undecodable") from error
        return message

    def encode(self, message: Message) -> bytes:
        """The bytes."""
        return message.SerializeToString()


class ToyTopics:
    """Every topic carries StringValue, save the dead letters."""

    def codec(self, topic: str) -> ToyCodec:
        """The codec."""
        return ToyCodec(DeadLetter if topic.endswith("deadletters") else StringValue)


class ToyLogic:
    """Drops ids it has seen under a key, and numbers the new ones from 1."""

    version = 1

    def __init__(self, prefix: str, inputs: Sequence[str] = ("a", "b", "table")) -> None:
        self.name = "toy"
        self.inputs = tuple(f"{prefix}.{name}" for name in inputs)
        self.outputs = (f"{prefix}.out",)
        self.tables = tuple(f"{prefix}.{name}" for name in inputs if name == "table")

    def check(self, incoming: Incoming) -> None:
        """A message that says so is invalid."""
        assert isinstance(incoming.message, StringValue)
        if incoming.message.value == POISON:
            raise InvalidMessage("toy_poison")

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        """The counter and the mark of each id."""
        for incoming in batch:
            yield b"n" + incoming.key
            yield b"t" + incoming.key
            yield self._mark(incoming)

    def process(self, batch: Sequence[Incoming], state: StateView) -> Sequence[Outgoing]:
        """Number what is new."""
        outputs = []
        for incoming in batch:
            assert isinstance(incoming.message, StringValue)
            if incoming.topic in self.tables:
                self._load(incoming, state)
                continue
            if incoming.message.value == BROKEN:
                raise RuntimeError("the toy is broken")
            mark = self._mark(incoming)
            if state.get(mark) is not None:
                continue
            counter = b"n" + incoming.key
            number = int.from_bytes(state.get(counter) or b"\0", "big") + 1
            state.put(counter, number.to_bytes(4, "big"))
            state.put(mark, incoming.offset.to_bytes(8, "big"))
            name = state.get(b"t" + incoming.key) or b""
            text = f"{incoming.message.value}{name.decode()}:{number}"
            outputs.append(
                Outgoing(
                    self.outputs[0], incoming.key, StringValue(value=text), incoming.traceparent
                )
            )
        return outputs

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """What the table says, once more."""
        for incoming in batch:
            self._load(incoming, state)

    def _load(self, incoming: Incoming, state: StateView) -> None:
        """A key of the table has a name, which its outputs carry."""
        assert isinstance(incoming.message, StringValue)
        state.load(b"t" + incoming.key, incoming.message.value.encode())

    def _mark(self, incoming: Incoming) -> bytes:
        assert isinstance(incoming.message, StringValue)
        return b"m" + incoming.key + incoming.message.value.encode()


def settings_of(bootstrap: str, prefix: str, slot: str, folder: Path) -> StreamSettings:
    """Settings with short timeouts."""
    return StreamSettings(
        bootstrap=bootstrap,
        installation=prefix,
        changelog=f"{prefix}.changelog",
        dead_letters=f"{prefix}.deadletters",
        run_dir=folder,
        slot=slot,
        fetch_records_max=100,
        session_timeout_s=6.0,
        transaction_timeout_s=float(os.environ.get("TOY_TRANSACTION_TIMEOUT_S", "15")),
        dead_letters_per_minute_max=int(os.environ.get("TOY_DEAD_LETTERS_MAX", "600")),
        failpoint=failpoint_of(os.environ.get(VARIABLE), "toy"),
        transactions=os.environ.get("TOY_TRANSACTIONS") != "off",
    )


def _show(readiness: StageReadiness, metrics: Metrics, file: Path, scraped: Path) -> None:
    """Readiness as a file that is there, and what a scrape would get."""
    while True:
        _scrape(metrics, scraped)
        if readiness.check() is None:
            file.write_text(datetime.now(UTC).isoformat())
        else:
            file.unlink(missing_ok=True)
        time.sleep(0.1)


def _scrape(metrics: Metrics, file: Path) -> None:
    draft = file.with_suffix(f".{threading.get_ident()}")
    draft.write_bytes(generate_latest(metrics.registry))
    draft.replace(file)


def main() -> int:
    """Run the toy until it is told to stop."""
    bootstrap, prefix, slot, folder = sys.argv[1:5]
    configure("toy")
    readiness = StageReadiness()
    metrics = Metrics(STREAM_METRICS)
    files = Path(folder) / f"ready-{slot}", Path(folder) / f"metrics-{slot}"
    threading.Thread(target=_show, args=(readiness, metrics, *files), daemon=True).start()
    status = run_stage(
        ToyLogic(prefix, os.environ.get("TOY_INPUTS", "a,b,table").split(",")),
        settings_of(bootstrap, prefix, slot, Path(folder)),
        ToyTopics(),
        metrics=metrics,
        clock=SystemClock(),
        readiness=readiness,
        stores=RocksStores(Path(folder) / "state" / slot),
    )
    _scrape(metrics, files[1])
    return status


if __name__ == "__main__":
    sys.exit(main())
