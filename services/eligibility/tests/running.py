"""The processes of eligibility for integration tests: keys, starting, readiness, stopping."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc.jwk import OKPKey

from chassis.secrets import SecretsDir

ROOT: Final = Path(__file__).parents[3]
READY_DEADLINE_S: Final = 90.0
STOP_DEADLINE_S: Final = 15.0


def write_secrets(folder: Path) -> SecretsDir:
    """Random keys as an installation provisions them."""
    for name in ("peppers", "sealing", "staff"):
        (folder / name).mkdir(parents=True)
    for pepper in ("person", "credential", "account"):
        (folder / "peppers" / f"{pepper}.bin").write_bytes(os.urandom(32))
    for purpose in ("identity", "account"):
        key = X25519PrivateKey.generate()
        (folder / "sealing" / f"{purpose}.key").write_bytes(key.private_bytes_raw())
        (folder / "sealing" / f"{purpose}.pub").write_bytes(key.public_key().public_bytes_raw())
    private = Ed25519PrivateKey.generate()
    (folder / "staff" / "signing.key").write_bytes(private.private_bytes_raw())
    public = {**OKPKey.import_key(private.public_key()).as_dict(private=False), "kid": "staff-1"}
    (folder / "staff" / "verify.jwks").write_text(json.dumps({"keys": [public]}))
    return SecretsDir(folder)


class Processes:
    """The four processes with a log file each."""

    def __init__(self, bootstrap: str, secrets: Path, folder: Path) -> None:
        self.grpc_port = free_port()
        self._environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
            "KAFKA_BOOTSTRAP": bootstrap,
            "KYUFU_SECRETS_DIR": str(secrets),
            "KYUFU_RUN_DIR": str(folder),
            "KYUFU_GRPC_PORT": str(self.grpc_port),
            "KYUFU_CLOCK_START": "2020-05-11T00:00:00+00:00",
            "KYUFU_INSTALLATION": f"t{uuid.uuid4().hex[:8]}",
        }
        self._folder = folder
        self._running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, name: str) -> None:
        port = free_port()
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.eligibility", name],
                cwd=ROOT,
                env={**self._environ, "KYUFU_METRICS_PORT": str(port)},
                stdout=log,
                stderr=log,
            )
        self._running[name] = (process, port)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would."""
        process, _ = self._running.pop(name)
        process.kill()
        process.wait(STOP_DEADLINE_S)

    def rebuild(self, *arguments: str) -> tuple[int, str]:
        """`rebuild --verify`: exit status and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "services.eligibility", "rebuild", "--verify", *arguments],
            cwd=ROOT,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=READY_DEADLINE_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def wait_ready(self) -> None:
        until = time.monotonic() + READY_DEADLINE_S
        for name, (process, port) in self._running.items():
            while not is_ready(port):
                log = (self._folder / f"{name}.log").read_text()[-3000:]
                assert process.poll() is None, f"{name} ended: {log}"
                assert time.monotonic() < until, f"{name} is not ready: {log}"
                time.sleep(0.1)

    def metrics(self, name: str) -> str:
        url = f"http://127.0.0.1:{self._running[name][1]}/metrics"
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())

    def logs(self) -> str:
        return "".join(path.read_text() for path in self._folder.glob("*.log"))

    def stop(self) -> dict[str, int]:
        for process, _ in self._running.values():
            process.send_signal(signal.SIGTERM)
        codes = {}
        for name, (process, _) in self._running.items():
            try:
                codes[name] = process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = -9
        self._running.clear()
        return codes


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(port: int) -> bool:
    """Whether the process says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
