"""Builds the Kafka Streams peer once for each state of its sources, and says how to run it.

Maven fetches the jars and protoc and compiles; no jar runs whose SHA-256 is not the committed one.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import SetupError
from devstack.paths import CACHE, ROOT
from devstack.toolchain import find_java, read_hashes, verify_jars
from jpbank.branches import all_banks
from services.eligibility.domain.rules import Programme

HERE = Path(__file__).resolve().parent
PROTOS = ROOT / "proto"
# Its Java code must run on the protobuf-java of pom.xml: the same release.
PROTOC = "com.google.protobuf:protoc:4.35.1:exe"
MAIN = "kyufu.peer.Peer"
MAVEN_TIMEOUT_S = 900.0
HEAP = "512m"
_SYSTEMS = {"linux": "linux", "darwin": "osx"}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch_64", "arm64": "aarch_64"}


def missing(environ: Mapping[str, str] = os.environ) -> str | None:
    """What the machine lacks to build the peer, in one line; None where nothing is missing."""
    path = environ.get("PATH")
    absent = [name for name in ("javac", "mvn") if shutil.which(name, path=path) is None]
    if not absent:
        return None
    return f"the Kafka Streams peer needs {' and '.join(absent)} (a JDK of 17, Maven)"


def build(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder with `jars` and `classes`, built where it is not there yet."""
    sources = [HERE / "pom.xml", HERE / "jars.sha256", *sorted((HERE / "src").rglob("*.java"))]
    sources += sorted((PROTOS / "kyufu" / "events").rglob("*.proto"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    target = CACHE / f"kafka-streams-peer-{digest}"
    if not target.is_dir():
        if lacking := missing(environ):
            raise SetupError(lacking)
        partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
        try:
            _make(partial, environ)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    if faults := verify_jars(target / "jars", read_hashes(HERE / "jars.sha256")):
        raise SetupError(f"the peer's jars are not the pinned ones ({faults[0]}): remove {target}")
    return target


def command(settings: Path, hop: str, counts: Mapping[str, int], *, heap: str = HEAP) -> list[str]:
    """The command line for `hop` (identify, dedup, link or all) and the records to wait for."""
    folder = build()
    wanted = [f"{name}={count}" for name, count in counts.items()]
    return [
        str(find_java()), f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", f"{folder / 'classes'}:{folder / 'jars'}/*",
        MAIN, str(settings), hop, *wanted,
    ]  # fmt: skip


def write_branches(path: Path) -> None:
    """Every branch that exists: bank and branch, seven digits a line."""
    lines = (bank.code + branch for bank in all_banks().values() for branch in bank.branches)
    path.write_text("\n".join(sorted(lines)) + "\n")


def write_settings(
    path: Path,
    programme: Programme,
    *,
    bootstrap: str,
    state_dir: Path,
    branches: Path,
    sealing: Path,
    store: str = "rocksdb",
    threads: int = 1,
    commit_ms: int = 250,
    cache_mb: int = 0,
    application_prefix: str = "peer-",
    topic_prefix: str = "",
    streams: Mapping[str, str] | None = None,
) -> None:
    """Write the peer's settings. `sealing`: folder of identity.key and account.key, raw; `streams`:
    settings of Kafka Streams that overrule the peer's own.
    """
    window = programme.window
    values = {
        "bootstrap": bootstrap,
        "state.dir": str(state_dir),
        "branches.file": str(branches),
        "sealing.dir": str(sealing),
        "store": store,
        "threads": str(threads),
        "commit.ms": str(commit_ms),
        "cache.mb": str(cache_mb),
        "application.prefix": application_prefix,
        "topic.prefix": topic_prefix,
        "programme.name": programme.programme,
        "programme.rule_version": programme.rule_version,
        "programme.snapshot_id": programme.snapshot_id,
        "programme.base_date": str(programme.base_date),
        "programme.occurrence": programme.occurrence,
        "programme.yen_per_person": str(programme.yen_per_person),
        "programme.claim_yen_max": str(programme.claim_yen_max),
        "programme.window": f"{window.opens_on}-{window.closes_on}",
    }
    for code, each in programme.windows.items():
        values[f"programme.window.{code}"] = f"{each.opens_on}-{each.closes_on}"
    values.update({f"streams.{name}": value for name, value in (streams or {}).items()})
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def _make(folder: Path, environ: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / "src", folder / "src")
    shutil.copy(HERE / "pom.xml", folder)
    machine = _MACHINES.get(platform.machine().lower())
    system = _SYSTEMS.get(sys.platform)
    if machine is None or system is None:
        raise SetupError(f"no protoc for {sys.platform} on {platform.machine()}")
    maven = ["mvn", "--quiet", "--batch-mode", "--file", str(folder / "pom.xml")]
    artifact = f"{PROTOC}:{system}-{machine}"
    _run([*maven, "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}/bin"])
    protoc = next((folder / "bin").iterdir())
    protoc.chmod(0o755)
    protos = sorted(str(path) for path in (PROTOS / "kyufu" / "events").rglob("*.proto"))
    _run([str(protoc), f"-I{PROTOS}", f"--java_out={folder / 'src'}", *protos])
    _run(
        [
            *maven, "compiler:compile", "dependency:copy-dependencies",
            f"-DoutputDirectory={folder / 'jars'}",
        ]
    )  # fmt: skip
    (folder / "target" / "classes").rename(folder / "classes")
    for made in ("bin", "src", "target"):
        shutil.rmtree(folder / made)


def _run(arguments: list[str]) -> None:
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=MAVEN_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as slow:
        raise SetupError("Maven did not build the Kafka Streams peer in time") from slow
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        reason = lines[0].strip() if lines else f"exit {done.returncode}"
        raise SetupError(f"the Kafka Streams peer was not built: {reason}")
