"""A house on a new, real database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.postgres import connect_pool, migrate
from services.payments.tests.house import House


@pytest.fixture
def house(fresh_database: str, tmp_path: Path) -> Iterator[House]:
    migrate(fresh_database, "payments")
    pool = connect_pool(fresh_database, schema="payments", max_size=6)
    try:
        yield House(pool, tmp_path / "bank")
    finally:
        pool.close()
