"""`python -m devstack servers`: only Kafka and PostgreSQL, until Ctrl-C.

Prints two lines that a shell can source, so that other tools and tests use these servers.
"""

import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from devstack.checks import check_ports
from devstack.errors import SetupError
from devstack.ports import Ports, random_base
from devstack.servers import needed_ports, start_servers

WATCH_INTERVAL_S = 1.0


def serve(*, port_base: int | None) -> int:
    """Start both servers in a temporary folder, print their addresses, stop them at the end."""
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    names = needed_ports()
    ports = random_base(names) if port_base is None else Ports(port_base)
    check_ports(ports, names)
    folder = Path(tempfile.mkdtemp(prefix="kyufu-servers-"))
    folder.chmod(0o755)
    try:
        servers = start_servers(
            folder=folder / "servers", logs=folder / "logs", ports=ports,
            say=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, on_signal)
            print(f"export KAFKA_BOOTSTRAP={servers.kafka_bootstrap}")
            print(f"export DATABASE_URL={servers.database_url}", flush=True)
            while not asked.wait(WATCH_INTERVAL_S):
                if (ended := servers.ended()) is not None:
                    raise SetupError(f"{ended} ended by itself")
        finally:
            servers.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0
