"""The composition root of eligibility: the only place where its I/O is built."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient

from chassis.clock import SystemClock
from chassis.fingerprints import Fingerprinter
from chassis.grpc.tokens import TokenVerifier
from chassis.health import HealthServer
from chassis.ids import event_id
from chassis.kafka.producer import DurableProducer
from chassis.kafka.topics import TopicCatalogue, require_reader, require_writer
from chassis.metrics import Metrics
from chassis.rebuild.audit import Audit, AuditedStage
from chassis.sealing import Opener, Sealer
from chassis.secrets import SecretsDir
from chassis.streams import StageLogic
from chassis.streams.failpoints import failpoint_of
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageReadiness
from chassis.streams.rocks import RocksStores
from chassis.streams.runner import run_stage
from chassis.streams.settings import StreamSettings
from jpbank.branches import all_banks, branch_exists
from services.eligibility.adapters import clock_ticker
from services.eligibility.adapters.clock_ticker import ClockTicker
from services.eligibility.adapters.dedup_stage import DedupStage
from services.eligibility.adapters.identify_stage import IdentifyStage
from services.eligibility.adapters.link_stage import LinkStage
from services.eligibility.adapters.meters import PrometheusMeter
from services.eligibility.adapters.parameters_file import load_programmes, rules_digest
from services.eligibility.adapters.register_records import RegisterRecords
from services.eligibility.adapters.register_topics import REGISTERS, RegisterTopic
from services.eligibility.adapters.sealed_values import SealedValues
from services.eligibility.domain.dedup import Dedup
from services.eligibility.domain.identify import Identify
from services.eligibility.domain.link import Link
from services.eligibility.domain.looks import Looks
from services.eligibility.entrypoints.registers import RegistersProcess
from services.eligibility.entrypoints.registers_service import RegistersService
from services.eligibility.handlers import RegisterImport
from services.eligibility.metric_defs import ELIGIBILITY_METRICS
from services.eligibility.ports import StageMeter
from services.eligibility.settings import (
    RegistersSettings,
    StageSettings,
    link_settings,
    rebuild_settings,
    registers_settings,
    stage_settings,
)

STAGES: Final = ("identify", "dedup", "link")
REGISTERS_PRINCIPAL: Final = "eligibility.registers"
REBUILD_PRINCIPAL: Final = "eligibility.rebuild"
METADATA_TIMEOUT_S: Final = 60.0


def run_stage_process(name: str, environ: Mapping[str, str]) -> int:
    """Run one stage until it is told to stop or fails; returns the exit status."""
    settings: StageSettings
    if name == "link":
        linking = link_settings(environ)
        settings, secrets = linking, SecretsDir(linking.secrets_dir)
    else:
        settings, secrets = stage_settings(environ), None
    metrics = Metrics((*ELIGIBILITY_METRICS, *STREAM_METRICS))
    logic = build_stage(name, PrometheusMeter(metrics), secrets)
    catalogue = TopicCatalogue.load()
    principal = f"eligibility.{name}"
    for topic in logic.inputs:
        require_reader(principal, catalogue[topic])
    for topic in logic.outputs:
        require_writer(principal, catalogue[topic])
    readiness = StageReadiness()
    health = HealthServer(
        settings.metrics_port_of(name),
        metrics.registry,
        {"stage": readiness.check},
        host=settings.bind_host,
    )
    health.start()
    try:
        return run_stage(
            logic,
            StreamSettings(
                bootstrap=settings.kafka_bootstrap,
                installation=settings.installation,
                changelog=f"{principal}.changelog",
                journal=f"{principal}.journal",
                rules=rules_digest(),
                run_dir=settings.run_dir,
                slot=settings.slot,
                transactions=settings.transactions,
                failpoint=failpoint_of(settings.failpoint, name),
                session_timeout_s=settings.session_timeout_s,
            ),
            catalogue,
            metrics=metrics,
            clock=SystemClock(settings.clock_start, settings.clock_epoch_s),
            readiness=readiness,
            stores=RocksStores(settings.run_dir / "state" / settings.slot),
        )
    finally:
        health.stop()


def build_stage(name: str, meter: StageMeter, secrets: SecretsDir | None) -> StageLogic:
    """The stage's rules with their adapters. `secrets`: needed by link alone."""
    programmes = load_programmes()
    if name == "identify":
        snapshots = {each.programme: each.snapshot_id for each in programmes.values()}
        return IdentifyStage(Identify(snapshots, event_id), meter)
    if name == "dedup":
        return DedupStage(Dedup(Looks(programmes, event_id)), meter)
    if secrets is None:
        raise ValueError("link needs the private keys of identity and account")
    all_banks()  # read the branch master before the first record, not on it
    keys = {purpose: secrets.private_key(purpose) for purpose in ("identity", "account")}
    sealed_values = SealedValues(Opener(keys))
    return LinkStage(Link(programmes, branch_exists, event_id), sealed_values, meter)


def build_rebuild(
    stages: Sequence[str], environ: Mapping[str, str], folder: Path, say: Callable[[str], None]
) -> tuple[Audit, list[AuditedStage]]:
    """What `rebuild` compares, with the same rules that the stages run."""
    settings = rebuild_settings(environ)
    catalogue = TopicCatalogue.load()
    meter = PrometheusMeter(Metrics(ELIGIBILITY_METRICS))  # nobody reads it
    audited = []
    for name in stages:
        logic = build_stage(name, meter, SecretsDir(settings.secrets_dir))
        for topic in (*logic.inputs, *logic.outputs):
            require_reader(REBUILD_PRINCIPAL, catalogue[topic])
        principal = f"eligibility.{name}"
        audited.append(AuditedStage(logic, f"{principal}.changelog", f"{principal}.journal"))
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    found = admin.list_topics(timeout=METADATA_TIMEOUT_S).topics
    audit = Audit(
        bootstrap=settings.kafka_bootstrap,
        topics=catalogue,
        partitions=len(found[audited[0].journal].partitions),
        rules=rules_digest(),
        writers={
            name: frozenset(
                writer.removeprefix("eligibility.")
                for writer in topic.writers
                if writer.startswith("eligibility.")
            )
            for name, topic in catalogue.items()
        },
        folder=folder,
        rebuilt_stores=RocksStores(folder / "rebuilt"),
        held_stores=RocksStores(folder / "held"),
        say=say,
    )
    return audit, audited


def build_registers(environ: Mapping[str, str]) -> RegistersProcess:
    """The importer and the clock."""
    settings = registers_settings(environ)
    secrets = SecretsDir(settings.secrets_dir)
    metrics = Metrics(ELIGIBILITY_METRICS)
    clock = SystemClock(settings.clock_start, settings.clock_epoch_s)
    topics = (clock_ticker.TOPIC, *(f"registry.{register}" for register in REGISTERS))
    producer = DurableProducer(
        settings.kafka_bootstrap,
        REGISTERS_PRINCIPAL,
        principal=REGISTERS_PRINCIPAL,
        topics=topics,
        catalogue=TopicCatalogue.load(),
        metrics=metrics,
    )
    partitions = _partitions(settings, topics)
    service = RegistersService(
        _ImportFactory(secrets, producer, partitions), PrometheusMeter(metrics)
    )
    return RegistersProcess(
        service,
        ClockTicker(producer, clock, partitions, metrics),
        producer,
        TokenVerifier(secrets.verify_keys(), clock),
        metrics,
        host=settings.bind_host,
        grpc_port=settings.grpc_port,
        metrics_port=settings.metrics_port_of("registers"),
    )


class _ImportFactory:
    def __init__(self, secrets: SecretsDir, producer: DurableProducer, partitions: int) -> None:
        self._sealer = Sealer(
            {purpose: secrets.public_key(purpose) for purpose in ("identity", "account")}
        )
        self._fingerprinters = {
            purpose: Fingerprinter(secrets.pepper(purpose))
            for purpose in ("person", "credential", "account")
        }
        self._producer = producer
        self._partitions = partitions

    def __call__(
        self, register: str, *, snapshot_id: str, version: int, municipality: str | None
    ) -> RegisterImport:
        records = RegisterRecords(
            snapshot_id,
            version,
            sealer=self._sealer,
            persons=self._fingerprinters["person"],
            credentials=self._fingerprinters["credential"],
            accounts=self._fingerprinters["account"],
        )
        sink = RegisterTopic(
            self._producer,
            register,
            self._partitions,
            snapshot_id=snapshot_id,
            version=version,
        )
        return RegisterImport(register, records, sink, municipality=municipality)


def _partitions(settings: RegistersSettings, topics: tuple[str, ...]) -> int:
    """The number of partitions of all topics that this process writes; it must be one number."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    existing = admin.list_topics(timeout=METADATA_TIMEOUT_S).topics
    found = {len(existing[topic].partitions) if topic in existing else 0 for topic in topics}
    if len(found) != 1 or 0 in found:
        raise ValueError("registry and clock topics must exist with equal partition counts")
    return found.pop()
