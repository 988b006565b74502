from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.tests.streams.harness import Toy


@pytest.fixture
def toy(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(kafka_bootstrap, f"toy-{uuid4().hex[:12]}", tmp_path)
    yield toy
    toy.stop_all()
