"""Migrations, pools and bounded repetition on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, IsolationLevel
from psycopg_pool import ConnectionPool

from chassis.postgres import (
    connect_async_pool,
    connect_pool,
    migrate,
    reachable,
    run_in_transaction,
)
from chassis.postgres.migrations import upgrade
from chassis.tests.integration.support import DEADLINE_S

pytestmark = pytest.mark.integration

FIRST = '''
"""first"""
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.execute("CREATE TABLE thing (id int PRIMARY KEY, amount_yen bigint NOT NULL)")
    op.execute("INSERT INTO thing VALUES (1, 0), (2, 0)")
'''
SECOND = '''
"""second"""
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    op.execute("ALTER TABLE example.thing ADD COLUMN note text")
'''
BROKEN = '''
"""broken"""
from alembic import op
revision = "0003"
down_revision = "0002"
def upgrade():
    op.execute("CREATE TABLE half_done (id int)")
    op.execute("SELECT 1/0")
'''


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001_first.py").write_text(FIRST)
    return tmp_path


@pytest.fixture
def pool(fresh_database: str, scripts: Path) -> Iterator[ConnectionPool]:
    upgrade(fresh_database, scripts, "example")
    pool = connect_pool(fresh_database, schema="example", wait_s=DEADLINE_S)
    yield pool
    pool.close()


def _version(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT version_num FROM example.alembic_version").fetchall()
    return [row[0] for row in rows]


def test_migrations_run_into_the_schema_and_only_once(fresh_database: str, scripts: Path) -> None:
    upgrade(fresh_database, scripts, "example")
    upgrade(fresh_database, scripts, "example")
    assert _version(fresh_database) == ["0001"]
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("SELECT count(*) FROM example.thing").fetchall() == [(2,)]


def test_a_later_migration_continues_from_the_stored_version(
    fresh_database: str, scripts: Path
) -> None:
    upgrade(fresh_database, scripts, "example")
    (scripts / "versions" / "0002_second.py").write_text(SECOND)
    upgrade(fresh_database, scripts, "example")
    assert _version(fresh_database) == ["0002"]


def test_a_failing_migration_leaves_nothing_behind(fresh_database: str, scripts: Path) -> None:
    (scripts / "versions" / "0002_second.py").write_text(SECOND)
    upgrade(fresh_database, scripts, "example")
    (scripts / "versions" / "0003_broken.py").write_text(BROKEN)
    with pytest.raises(Exception, match="division by zero"):
        upgrade(fresh_database, scripts, "example")
    assert _version(fresh_database) == ["0002"]
    with psycopg.connect(fresh_database) as connection:
        found = connection.execute("SELECT to_regclass('example.half_done')").fetchone()
    assert found == (None,)


def test_processes_that_start_together_migrate_once(fresh_database: str, scripts: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: upgrade(fresh_database, scripts, "example"), range(2)))
    assert _version(fresh_database) == ["0001"]


def test_a_service_migrates_by_its_package_name(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "rooms_for_test" / "example" / "adapters" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(str(tmp_path))
    migrate(fresh_database, "rooms_for_test.example")
    assert _version(fresh_database) == ["0001"]


def test_a_schema_name_with_other_characters_is_refused(scripts: Path) -> None:
    with pytest.raises(ValueError, match="schema"):
        upgrade("postgres://x", scripts, 'a"; DROP SCHEMA b')


def test_unqualified_names_mean_the_schema_of_the_pool(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM thing").fetchall() == [(2,)]
    assert reachable(pool)() is None


async def test_the_asynchronous_pool_sees_the_same_schema(
    pool: ConnectionPool, fresh_database: str
) -> None:
    async_pool = await connect_async_pool(fresh_database, schema="example", wait_s=DEADLINE_S)
    try:
        async with async_pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM thing")
            assert await cursor.fetchall() == [(2,)]
    finally:
        await async_pool.close()


def test_a_deadlock_is_repeated_until_both_have_their_effect(pool: ConnectionPool) -> None:
    barrier = threading.Barrier(2, timeout=DEADLINE_S)
    attempts: list[tuple[int, int]] = []

    def transfer(order: tuple[int, int]) -> None:
        first_time = [True]

        def work(connection: Connection[Any]) -> None:
            attempts.append(order)
            change = "UPDATE thing SET amount_yen = amount_yen + 1 WHERE id = %s"
            connection.execute(change, (order[0],))
            if first_time.pop() if first_time else False:
                barrier.wait()
            connection.execute(change, (order[1],))

        run_in_transaction(pool, work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(transfer, [(1, 2), (2, 1)]))
    assert len(attempts) > 2
    with pool.connection() as connection:
        rows = connection.execute("SELECT amount_yen FROM thing").fetchall()
    assert rows == [(2,), (2,)]


def test_repetition_has_a_bound(pool: ConnectionPool) -> None:
    calls: list[int] = []

    def work(connection: Connection[Any]) -> None:
        calls.append(1)
        raise psycopg.errors.SerializationFailure

    with pytest.raises(psycopg.errors.SerializationFailure):
        run_in_transaction(pool, work, attempts=3)
    assert len(calls) == 3


def test_other_errors_are_not_repeated_and_leave_no_effect(pool: ConnectionPool) -> None:
    calls: list[int] = []

    def work(connection: Connection[Any]) -> None:
        calls.append(1)
        connection.execute("UPDATE thing SET amount_yen = 9")
        connection.execute("INSERT INTO thing VALUES (1, 0)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        run_in_transaction(pool, work)
    assert len(calls) == 1
    with pool.connection() as connection:
        assert connection.execute("SELECT sum(amount_yen) FROM thing").fetchall() == [(0,)]


def test_the_isolation_level_holds_for_one_transaction_only(pool: ConnectionPool) -> None:
    def level(connection: Connection[Any]) -> str:
        row = connection.execute("SHOW transaction_isolation").fetchone()
        assert row is not None
        return str(row[0])

    strict = run_in_transaction(pool, level, isolation=IsolationLevel.SERIALIZABLE)
    assert (strict, run_in_transaction(pool, level)) == ("serializable", "read committed")
