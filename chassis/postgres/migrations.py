"""Brings a service's schema up to date with alembic, without an env.py per service.

A service keeps only `adapters/migrations/versions/*.py` with `op.execute`. An advisory lock lets
several processes of one service start at once; the version table stands inside the schema.
"""

import hashlib
import importlib
import re
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text

SERVICES_PACKAGE: Final = "services"
MIGRATIONS_FOLDER: Final = Path("adapters") / "migrations"
_DRIVER: Final = "postgresql+psycopg"
_SCHEMA_FORM: Final = re.compile(r"[a-z][a-z0-9_]*")
_LOCK_TIMEOUT: Final = "120s"


def migrate(database_url: str, service_package: str) -> None:
    """Create the service's schema (its last name) and run its migrations to the newest."""
    dotted = service_package if "." in service_package else f"{SERVICES_PACKAGE}.{service_package}"
    package = importlib.import_module(dotted)
    location = Path(next(iter(package.__path__))) / MIGRATIONS_FOLDER
    upgrade(database_url, location, dotted.rpartition(".")[2])


def upgrade(
    database_url: str, script_location: str | Path, schema: str, revision: str = "head"
) -> None:
    """Run `script_location`/versions/*.py inside `schema`, all in one transaction."""
    if not _SCHEMA_FORM.fullmatch(schema):
        raise ValueError("not a plain schema name")
    config = Config()
    config.set_main_option("script_location", str(script_location).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    engine = create_engine(_sqlalchemy_url(database_url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            _enter_schema(connection, schema)
            _run(config, scripts, connection, schema, revision)
            connection.commit()
    finally:
        engine.dispose()


def _enter_schema(connection: Connection, schema: str) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _lock_key(schema)})
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    connection.execute(text(f"SET LOCAL search_path TO {schema}, public"))


def _run(
    config: Config, scripts: ScriptDirectory, connection: Connection, schema: str, revision: str
) -> None:
    def plan(current: Any, context: object) -> Any:
        return scripts._upgrade_revs(revision, current)

    with EnvironmentContext(config, scripts, fn=plan, destination_rev=revision) as environment:
        environment.configure(
            connection=connection,
            version_table="alembic_version",
            version_table_schema=schema,
            transactional_ddl=True,
        )
        environment.run_migrations()


def _lock_key(schema: str) -> int:
    digest = hashlib.blake2b(f"migrations of {schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _sqlalchemy_url(database_url: str) -> str:
    scheme, separator, rest = database_url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql"}:
        raise ValueError("not a postgres:// address")
    return f"{_DRIVER}://{rest}"
