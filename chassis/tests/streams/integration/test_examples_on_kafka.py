"""The README's examples are these files, and they run on a real broker."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from google.protobuf.wrappers_pb2 import StringValue

from chassis.tests.streams.harness import DEADLINE_S, PARTITIONS, ROOT, Toy, events, wait_until

EXAMPLES = ROOT / "chassis" / "streams" / "examples"
SENT = events(200, keys=4)


def test_the_readme_shows_the_examples_as_they_are() -> None:
    readme = (ROOT / "chassis" / "streams" / "README.md").read_text()
    shown = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert shown == [(EXAMPLES / name).read_text() for name in ("stage.py", "transport.py")]


@pytest.fixture
def demo(own_kafka: str, tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(own_kafka, "demo", tmp_path)
    admin = AdminClient({"bootstrap.servers": own_kafka})
    names = ("in", "out", "deadletters", "numbering.changelog")
    wanted = [NewTopic(f"demo.{name}", PARTITIONS, 1) for name in names]
    for future in admin.create_topics(wanted).values():
        future.result(DEADLINE_S)
    toy.send("in", SENT)
    yield toy
    toy.stop_all()


def _start(demo: Toy, *command: str) -> "subprocess.Popen[bytes]":
    path = f"{ROOT}:{ROOT / 'proto' / 'gen'}"
    environment = {"PYTHONPATH": path, "DEMO_BOOTSTRAP": demo.bootstrap}
    with (demo.folder / "log-0").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=demo.folder,  # Faust makes its data folder there
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    demo.processes.append(process)
    return process


@pytest.mark.integration
def test_the_examples_do_what_they_say(demo: Toy) -> None:
    stage = _start(demo, "chassis.streams.examples.stage", demo.bootstrap, str(demo.folder))
    wait_until(lambda: len(demo.read("out")) >= len(SENT), "all numbers")
    numbers = sorted(int(StringValue.FromString(m.value() or b"").value) for m in demo.read("out"))
    assert numbers == sorted([*range(1, 51)] * 4)
    stage.send_signal(signal.SIGTERM)
    assert stage.wait(DEADLINE_S) == 0
    _start(demo, "chassis.streams.examples.transport", "worker", "-l", "warn")

    def counted() -> int:
        return sum(int(n) for n in re.findall(r"(\d+) records", demo.log()))

    wait_until(lambda: counted() >= len(SENT), "all records counted")
    assert counted() == len(SENT)
