"""The table of processes: what runs, on which ports, with which environment, in which order.

Started from the top down, so that each finds its peers; stopped from the bottom up, so that no
one loses a peer it still needs. Adding a process is adding a row here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devstack.paths import ROOT, RunPaths
from devstack.ports import HOST, Ports

READY_DEADLINE_S = 90.0
STOP_DEADLINE_S = 12.0  # services promise ten


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process. Those of one `tier` start and stop together, lower tiers first and last."""

    name: str
    module: str
    metrics_port: int
    tier: int
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_deadline_s: float = STOP_DEADLINE_S


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every process of one installation is told."""

    paths: RunPaths
    ports: Ports
    kafka_bootstrap: str
    database_url_of: Mapping[str, str]  # by schema: each service has a role of its own
    clock_start: str
    clock_epoch_s: float
    log_level: str


_SERVICE_SCHEMAS = ("intake", "payments", "notify", "console")
_SIMULATOR_TIER, _DOOR_TIER, _STAGE_TIER, _INTAKE_TIER = 0, 1, 2, 3

# name, module, arguments, tier, schema or None. Names are also principals and log names.
_ROWS: tuple[tuple[str, str, tuple[str, ...], int, str | None], ...] = (
    ("providers", "simulators.providers", (), _SIMULATOR_TIER, None),
    ("bank", "simulators.bank", (), _SIMULATOR_TIER, None),
    ("notify", "services.notify", (), _DOOR_TIER, "notify"),
    ("payments", "services.payments", (), _DOOR_TIER, "payments"),
    ("registers", "services.eligibility", ("registers",), _DOOR_TIER, None),
    ("console", "services.console", (), _DOOR_TIER, "console"),
    ("identify", "services.eligibility", ("identify",), _STAGE_TIER, None),
    ("dedup", "services.eligibility", ("dedup",), _STAGE_TIER, None),
    ("link", "services.eligibility", ("link",), _STAGE_TIER, None),
    ("intake", "services.intake", (), _INTAKE_TIER, "intake"),
)
PROCESS_NAMES = tuple(row[0] for row in _ROWS)
SCHEMAS = _SERVICE_SCHEMAS
# Whose health `kyufu status` shows: every service but the one that asks.
_PEERS = tuple(row[0] for row in _ROWS if row[1].startswith("services.") and row[0] != "console")


def processes(around: Surroundings) -> tuple[ProcessSpec, ...]:
    """Return the whole table for one installation, in the order of starting."""
    return tuple(
        ProcessSpec(
            name=name,
            module=module,
            arguments=arguments,
            tier=tier,
            metrics_port=around.ports.of(f"{name}-metrics"),
            environment={
                **_common(around),
                **_own(name, around.ports, around.paths),
                **({"DATABASE_URL": around.database_url_of[schema]} if schema else {}),
            },
        )
        for name, module, arguments, tier, schema in _ROWS
    )


def metrics_targets(specs: Sequence[ProcessSpec]) -> dict[str, str]:
    """Return each process's scrape address, for Prometheus and for tests."""
    return {spec.name: f"http://{HOST}:{spec.metrics_port}/metrics" for spec in specs}


def _common(around: Surroundings) -> dict[str, str]:
    ports = around.ports
    return {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP": around.kafka_bootstrap,
        "KYUFU_SECRETS_DIR": str(around.paths.secrets),
        "KYUFU_RUN_DIR": str(around.paths.base),
        "KYUFU_CLOCK_START": around.clock_start,
        "KYUFU_CLOCK_EPOCH": f"{around.clock_epoch_s:.3f}",
        "KYUFU_LOG_LEVEL": around.log_level,
        "KYUFU_PAYMENTS_ADDR": ports.address("payments-grpc"),
        "KYUFU_NOTIFY_ADDR": ports.address("notify-grpc"),
        "KYUFU_CONSOLE_ADDR": ports.address("console-grpc"),
        "KYUFU_REGISTERS_ADDR": ports.address("registers-grpc"),
    }


def _own(name: str, ports: Ports, paths: RunPaths) -> dict[str, str]:
    """Return what only this process is told: its own ports, and its provider's addresses."""
    own = {"KYUFU_METRICS_PORT": str(ports.of(f"{name}-metrics"))}
    if name in ("registers", "payments", "notify", "console"):
        own["KYUFU_GRPC_PORT"] = str(ports.of(f"{name}-grpc"))
    if name == "intake":
        own["KYUFU_HTTP_PORT"] = str(ports.of("intake-http"))
        own["KYUFU_INTAKE_CLIENTS"] = str(paths.clients)
    if name == "console":
        own["KYUFU_CONSOLE_PEERS"] = ",".join(
            f"{peer}=http://{HOST}:{ports.of(f'{peer}-metrics')}" for peer in _PEERS
        )
    if name == "notify":
        own["KYUFU_NOTIFY_SMTP"] = ports.address("smtp")
        own["KYUFU_NOTIFY_SMS_A"] = f"http://{ports.address('sms-a')}"
        own["KYUFU_NOTIFY_SMS_B"] = f"http://{ports.address('sms-b')}"
    if name == "providers":
        own["KYUFU_PROVIDERS_SMTP_PORT"] = str(ports.of("smtp"))
        own["KYUFU_PROVIDERS_SMS_A_PORT"] = str(ports.of("sms-a"))
        own["KYUFU_PROVIDERS_SMS_B_PORT"] = str(ports.of("sms-b"))
    if name == "bank":
        own["KYUFU_BANK_ACCOUNTS"] = str(paths.bank_accounts)
    return own
