"""PostgreSQL as this project uses it: a pool, bounded retries, migrations by alembic."""

from chassis.postgres.migrations import migrate, upgrade
from chassis.postgres.pool import connect_async_pool, connect_pool, reachable
from chassis.postgres.transactions import run_in_transaction

__all__ = [
    "connect_async_pool",
    "connect_pool",
    "migrate",
    "reachable",
    "run_in_transaction",
    "upgrade",
]
