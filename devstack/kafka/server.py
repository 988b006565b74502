"""The embedded broker: one KRaft node that is broker and controller, on loopback.

Limits, said plainly: replication factor 1 on one disk survives the kill of any process, not the
loss of power. The production profile is replication 3 with two in-sync replicas.
"""

import os
import shutil
import signal
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from devstack.children import spawn, stop
from devstack.errors import SetupError
from devstack.ports import HOST
from devstack.toolchain import KAFKA_FILES

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 20.0
FORMAT_DEADLINE_S = 90.0
REQUEST_TIMEOUT_S = 5.0
POLL_INTERVAL_S = 0.1
HEAP_MB = 512

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
offsets.retention.minutes=132480
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=3
"""


class KafkaServer:
    """Format, start and stop one broker whose data lies in one folder."""

    def __init__(
        self,
        *,
        java: Path,
        jars: Path,
        folder: Path,
        log: Path,
        port: int,
        controller_port: int,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings`: broker settings beside those that every installation has."""
        self._java = java
        self._jars = jars
        self._folder = folder
        self._log = log
        self._port = port
        self._controller_port = controller_port
        self._settings = settings or {}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address for clients (`KAFKA_BOOTSTRAP`)."""
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Return the broker's process id while it runs."""
        return None if self._child is None else self._child.pid

    def format(self) -> None:
        """Write the configuration and an empty KRaft log; a formatted folder is left as it is."""
        data = self._folder / "data"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        configuration = _PROPERTIES.format(
            host=HOST, port=self._port, controller_port=self._controller_port, data=data
        )
        added = "".join(f"{name}={value}\n" for name, value in self._settings.items())
        self._properties.write_text(configuration + added)
        if (data / "meta.properties").exists():
            return
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [
            *self._java_command(heap_mb=128), "kafka.tools.StorageTool", "format",
            # With "=": one id in 64 begins with a dash and would be taken for an option.
            f"--cluster-id={cluster_id}", "-c", str(self._properties),
        ]  # fmt: skip
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=FORMAT_DEADLINE_S, start_new_session=True,
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            self._log.write_text(done.stdout + done.stderr)
            raise SetupError(f"Kafka's storage could not be formatted: see {self._log}")

    def start(self) -> None:
        """Start the broker; it is not ready before `wait_ready` returns."""
        command = [*self._java_command(heap_mb=HEAP_MB), "kafka.Kafka", str(self._properties)]
        with self._log.open("ab") as output:
            self._child = spawn(command, environment=os.environ, cwd=self._folder, output=output)

    def wait_ready(self) -> None:
        """Return once metadata, a transaction and a group have been answered.

        The first user of the transaction and group coordinators waits for their topics to be
        made; that is paid here, so that a service's own deadlines never meet it.
        """
        deadline = time.monotonic() + START_DEADLINE_S
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self._until(deadline, lambda: admin.list_topics(timeout=REQUEST_TIMEOUT_S))
        self._until(deadline, self._warm_transactions)
        self._until(deadline, self._warm_groups)

    def stop(self) -> None:
        """End the broker in order; killed when it does not stop in time."""
        if self._child is not None:
            stop(self._child, deadline_s=STOP_DEADLINE_S, first_signal=signal.SIGTERM)
            self._child = None

    def exit_code(self) -> int | None:
        """Return how the broker ended, None while it runs."""
        return None if self._child is None else self._child.poll()

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _java_command(self, *, heap_mb: int) -> list[str]:
        # Measured on 2 cores, 600,000 records of 255 bytes, twice: C1 and the serial collector take
        # 1.4 s of CPU, C2 with serial 1.9-2.6 s, the default (G1) 3.2-3.4 s, at no less throughput:
        # a run of minutes never earns back what the larger compiler costs.
        return [
            str(self._java), f"-Xmx{heap_mb}m", f"-Xms{heap_mb}m", "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto", "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={KAFKA_FILES / 'log4j2.properties'}",
            "-cp", f"{self._jars}/*",
        ]  # fmt: skip

    def _until(self, deadline: float, request: object) -> None:
        assert callable(request)
        while True:
            if self._child is None or self._child.poll() is not None:
                raise SetupError(f"Kafka ended while starting: see {self._log}")
            try:
                request()
            except KafkaException as refused:
                if time.monotonic() >= deadline:
                    raise SetupError(
                        f"Kafka did not answer within {START_DEADLINE_S:.0f} s: see {self._log}"
                    ) from refused
                time.sleep(POLL_INTERVAL_S)
            else:
                return

    def _warm_transactions(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "transactional.id": "devstack-warm-up",
                "log_level": 0,
            }
        )
        producer.init_transactions(REQUEST_TIMEOUT_S)

    def _warm_groups(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "devstack-warm-up", "log_level": 0}
        )
        try:
            consumer.committed([TopicPartition("devstack-warm-up", 0)], timeout=REQUEST_TIMEOUT_S)
        finally:
            consumer.close()
