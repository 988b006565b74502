"""A broker of our own that can be killed, held still and started again, and fresh topics on it."""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chassis.kafka.topics import TopicCatalogue
from devstack.kafka.server import KafkaServer
from devstack.ports import random_base
from devstack.servers import needed_ports, start_servers

TOPICS_DEADLINE_S = 60.0
PAUSE_S = 0.2


class Broker:
    """Use as a context manager, from the thread that leads the runs."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kyufu-faults-"))

    def __enter__(self) -> "Broker":
        self._servers = start_servers(
            folder=self.folder / "servers",
            logs=self.folder / "logs",
            ports=random_base(needed_ports({})),
            environ={key: os.environ[key] for key in os.environ if key != "KAFKA_BOOTSTRAP"},
            wanted=("kafka",),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def bootstrap(self) -> str:
        """Where it answers."""
        return self._servers.kafka_bootstrap

    @property
    def _kafka(self) -> KafkaServer:
        assert self._servers.kafka is not None
        return self._servers.kafka

    def kill(self) -> None:
        """SIGKILL."""
        assert self._kafka.pid is not None
        os.kill(self._kafka.pid, signal.SIGKILL)
        self._kafka.stop()

    def hold(self, *, still: bool) -> None:
        """SIGSTOP, or SIGCONT."""
        assert self._kafka.pid is not None
        os.kill(self._kafka.pid, signal.SIGSTOP if still else signal.SIGCONT)

    def restart(self) -> None:
        """Start it again on its data; returns when it answers."""
        self._kafka.start()
        self._kafka.wait_ready()

    def fresh_topics(self) -> None:
        """Delete every topic of the catalogue and create it empty."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        catalogue = TopicCatalogue.load()
        there = catalogue.keys() & admin.list_topics(timeout=10).topics.keys()
        if there:
            for future in admin.delete_topics(sorted(there)).values():
                future.result(TOPICS_DEADLINE_S)
        end = time.monotonic() + TOPICS_DEADLINE_S
        while catalogue.keys() & admin.list_topics(timeout=10).topics.keys():
            if time.monotonic() > end:
                raise TimeoutError("topics were not deleted")
            time.sleep(PAUSE_S)
        while True:
            try:
                catalogue.create_all(admin)
            except KafkaException:
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE_S)
            else:
                return
