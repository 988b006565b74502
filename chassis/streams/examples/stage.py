"""Numbers the records of each key, exactly once: `python stage.py BOOTSTRAP FOLDER`."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from kyufu.events.v1.operations_pb2 import DeadLetter

from chassis.clock import SystemClock
from chassis.metrics import Metrics
from chassis.streams import Incoming, Outgoing, StateView
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageReadiness
from chassis.streams.rocks import RocksStores
from chassis.streams.runner import run_stage
from chassis.streams.settings import StreamSettings


class Numbering:
    """The stage: pure, so that a test needs no Kafka."""

    name, version = "numbering", 1
    inputs, outputs, tables = ("demo.in",), ("demo.out",), ()

    def check(self, incoming: Incoming) -> None:
        """Raise InvalidMessage here for what should become a dead letter."""

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        return [incoming.key for incoming in batch]

    def process(self, batch: Sequence[Incoming], state: StateView) -> Sequence[Outgoing]:
        outputs = []
        for incoming in batch:
            number = int(state.get(incoming.key) or b"0") + 1
            state.put(incoming.key, b"%d" % number)
            outputs.append(Outgoing("demo.out", incoming.key, StringValue(value=f"{number}")))
        return outputs

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """Nothing to do without tables."""


class Codec:
    def __init__(self, message_class: type[Message]) -> None:
        self._class, self.name = message_class, message_class.DESCRIPTOR.full_name

    def decode(self, value: bytes) -> Message:
        return self._class.FromString(value)  # should raise InvalidMessage where this raises

    def encode(self, message: Message) -> bytes:
        return message.SerializeToString()


class Topics:
    def codec(self, topic: str) -> Codec:
        return Codec(DeadLetter if topic == "demo.deadletters" else StringValue)


def main(bootstrap: str, folder: Path) -> int:
    """Until SIGTERM, SIGINT or a failure; must be called by the main thread."""
    return run_stage(
        Numbering(),
        StreamSettings(
            bootstrap=bootstrap,
            installation="demo",
            changelog="demo.numbering.changelog",
            dead_letters="demo.deadletters",
            run_dir=folder,
            slot="0",
        ),
        Topics(),
        metrics=Metrics(STREAM_METRICS),
        clock=SystemClock(),
        readiness=StageReadiness(),  # its check() gives None or a reason, for /ready
        stores=RocksStores(folder / "state" / "0"),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
