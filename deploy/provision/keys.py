"""Fills the volumes that processes mount: key files, database addresses, clients, the clock.

Runs before any server and needs no network. What is there already is left as it is, so that
`docker compose up` may be repeated; the whole set lies in one volume that no service mounts.
"""

import os
import secrets
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.provision.shares import KEY_FILES_OF, SCHEMAS
from devstack.clients import register_clients
from devstack.provision import write_secrets

CLIENTS_FILE: Final = "clients.json"
ENVIRONMENT_FILE: Final = "environment"
PASSWORD_FILE: Final = "password"  # noqa: S105 - a file's name
PASSWORD_BYTES: Final = 24
# The user of all our images (see the Dockerfiles).
IMAGE_UID: Final = 10001
READABLE_BY_OTHERS: Final = 0o644
READABLE_BY_OWNER: Final = 0o600


@dataclass(frozen=True, slots=True)
class Volumes:
    """Where the provisioner finds the volumes mounted."""

    installation: Path  # everything; mounted by no service
    shares: Path  # one folder a process
    owners: Path  # passwords of server images, one folder a server
    data: Path  # folders that processes write: handed to the images' user


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The clock that is played; no `clock_start` means the real one."""

    clock_start: str
    epoch_s: float


def write_installation(
    volumes: Volumes,
    *,
    municipality_codes: Sequence[str],
    database_place: str,
    clock_start: str,
) -> bool:
    """Make keys once and share them out each time; says whether they were made now.

    `database_place` is host:port/database.
    """
    made = not (volumes.installation / "complete").exists()
    if made:
        _make(volumes, municipality_codes, clock_start)
        (volumes.installation / "complete").touch()
    rehearsal = Rehearsal(
        clock_start=(volumes.installation / "clock_start").read_text(),
        epoch_s=float((volumes.installation / "clock_epoch").read_text()),
    )
    for process in KEY_FILES_OF:
        environment = _clock(rehearsal)
        if process in SCHEMAS:
            environment["DATABASE_URL"] = role_url(volumes.installation, process, database_place)
        _share(volumes, process, environment)
    for server in ("postgres", "grafana"):
        password = volumes.owners / server / PASSWORD_FILE
        password.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(volumes.installation / "passwords" / server, password)
        # Read by the server image's own user; only that server mounts the volume.
        password.chmod(READABLE_BY_OTHERS)
    return made


def role_password(installation: Path, schema: str) -> str:
    """The password of a service's database role."""
    return (installation / "passwords" / schema).read_text()


def role_url(installation: Path, schema: str, database_place: str) -> str:
    """The address of the database for one service's role. Passwords are URL-safe by make."""
    password = role_password(installation, schema)
    return f"postgresql://kyufu_{schema}:{password}@{database_place}"


def hand_over(volumes: Volumes, uid: int = IMAGE_UID) -> None:
    """Give everything that our images read or write to their user; needs root."""
    for folder in (volumes.installation, volumes.shares, volumes.data):
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent) / name, uid, uid)


def _make(volumes: Volumes, municipality_codes: Sequence[str], clock_start: str) -> None:
    installation = volumes.installation
    write_secrets(installation)
    passwords = installation / "passwords"
    passwords.mkdir(mode=0o700, exist_ok=True)
    for name in (*SCHEMAS, "postgres", "grafana"):
        _write(passwords / name, secrets.token_urlsafe(PASSWORD_BYTES))
    tokens = register_clients(installation / CLIENTS_FILE, installation, municipality_codes)
    (installation / "clients").mkdir(mode=0o700, exist_ok=True)
    for client_id, token in tokens.items():
        _write(installation / "clients" / f"{client_id}.token", token)
    _write(installation / "clock_start", clock_start)
    _write(installation / "clock_epoch", f"{time.time():.3f}")


def _clock(rehearsal: Rehearsal) -> dict[str, str]:
    if not rehearsal.clock_start:
        return {}
    return {
        "KYUFU_CLOCK_START": rehearsal.clock_start,
        "KYUFU_CLOCK_EPOCH": f"{rehearsal.epoch_s:.3f}",
    }


def _share(volumes: Volumes, process: str, environment: Mapping[str, str]) -> None:
    folder = volumes.shares / process
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEY_FILES_OF[process]:
        target = folder / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(volumes.installation / name, target)
        target.chmod(READABLE_BY_OWNER)
    if process == "intake":
        shutil.copyfile(volumes.installation / CLIENTS_FILE, folder / CLIENTS_FILE)
        (folder / CLIENTS_FILE).chmod(READABLE_BY_OWNER)
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
    _write(folder / ENVIRONMENT_FILE, "".join(lines))


def _write(path: Path, text: str) -> None:
    path.touch(mode=READABLE_BY_OWNER)
    path.write_text(text, encoding="utf-8")
