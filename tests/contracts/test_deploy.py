"""docker-compose.yml and the images say what the services' own settings and the topology say."""

import dataclasses
import importlib
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from chassis.settings import SettingsError, load
from deploy.provision.keys import CLIENTS_FILE, ENVIRONMENT_FILE, IMAGE_UID
from deploy.provision.shares import KEY_FILES_OF, SCHEMAS
from devstack.paths import RunPaths
from devstack.ports import OFFSETS, Ports
from devstack.topology import PROCESS_NAMES, ProcessSpec, Surroundings, processes

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SCHEMA = Path(__file__).parent / "data" / "compose-spec.json"
SIMULATORS = ("bank", "providers")
SERVICES = tuple(name for name in PROCESS_NAMES if name not in SIMULATORS)
ONE_SHOT = ("keys", "provision")
OFFICIAL = {"kafka": "apache/kafka:4.3.1", "postgres": "postgres:18"}
# What a process finds in its own file `environment` (deploy/provision/keys.py).
FROM_FILE = {"KYUFU_CLOCK_START", "KYUFU_CLOCK_EPOCH"}
WITH_DEFAULT = re.compile(r"^\$\{(?P<name>[A-Z_]+):?-(?P<default>.*)\}$")


@cache
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def environment(name: str) -> dict[str, str]:
    """What the container is told, with the defaults of `${NAME:-default}` put in."""
    told = {}
    for key, value in service(name).get("environment", {}).items():
        chosen = WITH_DEFAULT.match(str(value))
        told[key] = chosen["default"] if chosen else str(value)
    return told


@cache
def topology() -> dict[str, ProcessSpec]:
    around = Surroundings(
        paths=RunPaths(Path("/run")),
        ports=Ports(),
        kafka_bootstrap="kafka:9092",
        database_url_of={schema: f"postgresql://{schema}" for schema in SCHEMAS},
        clock_start="2020-05-11T00:00:00+00:00",
        clock_epoch_s=0.0,
        log_level="INFO",
    )
    return {spec.name: spec for spec in processes(around)}


def settings_class(process: str) -> type:
    """The settings that this process loads; where a module has several, by the process's name."""
    module = importlib.import_module(
        "simulators.settings" if process in SIMULATORS else f"{topology()[process].module}.settings"
    )
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == module.__name__
    }
    if len(found) == 1:
        return next(iter(found.values()))
    named = "Stage" if process in ("identify", "dedup") else process.capitalize()
    return found[f"{named}Settings"]


def variables(cls: type) -> set[str]:
    """Every variable that the settings read."""
    return {
        field.metadata[key]
        for field in dataclasses.fields(cls)
        for key in field.metadata
        if key.endswith("variable")
    }


def problems(cls: type, environ: dict[str, str]) -> list[str]:
    try:
        load(cls, environ)
    except SettingsError as error:
        return error.problems
    return []


def test_the_compose_file_is_valid_against_the_compose_specification() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose())] == []


def test_the_compose_file_is_accepted_by_docker_compose() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    ):
        pytest.skip("docker compose is not installed here")
    checked = subprocess.run(
        [docker, "compose", "-f", str(COMPOSE), "--profile", "rehearsal", "config", "--quiet"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_process_of_the_topology_is_a_service_with_the_same_command() -> None:
    commands = {name: service(name)["command"] for name in PROCESS_NAMES}
    expected = {
        name: ["python", "-m", spec.module, *spec.arguments] for name, spec in topology().items()
    }
    assert commands == expected


def test_nothing_runs_that_nobody_knows() -> None:
    known = {*PROCESS_NAMES, *ONE_SHOT, *OFFICIAL, "prometheus", "grafana"}
    assert set(compose()["services"]) == known


def test_simulators_run_in_a_rehearsal_only() -> None:
    profiles = {name: service(name).get("profiles") for name in PROCESS_NAMES}
    assert profiles == {name: ["rehearsal"] if name in SIMULATORS else None for name in profiles}


def test_images_are_pinned() -> None:
    foreign = {
        name: body["image"] for name, body in compose()["services"].items() if "build" not in body
    }
    assert {name: foreign[name] for name in OFFICIAL} == OFFICIAL
    unpinned = {image for image in foreign.values() if not re.search(r":v?\d", image)}
    assert unpinned == set()


@pytest.mark.parametrize("process", PROCESS_NAMES)
def test_every_variable_in_compose_is_one_that_the_process_reads(process: str) -> None:
    known = variables(settings_class(process))
    # Shared by all through one anchor; a stage without a sealed value still finds its folder.
    common = {"KAFKA_BOOTSTRAP", "KYUFU_SECRETS_DIR", "KYUFU_LOG_LEVEL"}
    assert set(environment(process)) - known - common == set()


@pytest.mark.parametrize("process", PROCESS_NAMES)
def test_every_setting_that_a_process_needs_is_given(process: str) -> None:
    given = environment(process)
    if process in SCHEMAS:
        given["DATABASE_URL"] = "postgresql://from-its-file"
    assert problems(settings_class(process), given) == []


def test_a_setting_that_is_not_given_would_be_found() -> None:
    assert problems(settings_class("link"), {"KAFKA_BOOTSTRAP": "kafka:9092"}) == [
        "KYUFU_RUN_DIR is missing",
        "KYUFU_SECRETS_DIR is missing",
    ]


@pytest.mark.parametrize("process", PROCESS_NAMES)
def test_ports_are_those_of_one_machine(process: str) -> None:
    here = {name: value for name, value in environment(process).items() if name.endswith("_PORT")}
    told = topology()[process].environment
    there = {name: value for name, value in told.items() if name.endswith("_PORT")}
    assert here == there


def test_peers_are_named_by_the_ports_on_which_they_listen() -> None:
    wrong = {}
    for process in PROCESS_NAMES:
        for name, value in environment(process).items():
            for host, port in re.findall(r"([a-z-]+):(\d{5})\b", value):
                offset = (
                    Ports().of(f"{host}-metrics"),
                    Ports().of(f"{host}-grpc") if (f"{host}-grpc" in OFFSETS) else 0,
                )
                if int(port) not in offset:
                    wrong[f"{process} {name}"] = f"{host}:{port}"
    assert wrong == {}


def test_every_process_that_peers_call_listens_beyond_loopback() -> None:
    hosts = {
        name: environment(name).get("KYUFU_BIND_HOST") or environment(name).get("KYUFU_INTAKE_HOST")
        for name in SERVICES
    }
    assert hosts == dict.fromkeys(SERVICES, "0.0.0.0")


def test_ports_are_published_on_loopback_alone() -> None:
    published = [port for body in compose()["services"].values() for port in body.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    numbers = [port.split(":")[1] for port in published]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("process", SERVICES)
def test_a_process_mounts_its_own_keys_read_only_and_no_others(process: str) -> None:
    mounted = [volume for volume in service(process)["volumes"] if "/run/kyufu" in volume]
    assert mounted == [f"secrets-{process}:/run/kyufu/secrets:ro"]
    assert f"secrets-{process}:/shares/{process}" in service("keys")["volumes"]
    assert process in KEY_FILES_OF


def test_only_the_one_shot_services_see_the_whole_installation() -> None:
    seeing = {
        name
        for name, body in compose()["services"].items()
        if any(str(volume).startswith("installation:") for volume in body.get("volumes", []))
    }
    assert seeing == set(ONE_SHOT)


def test_no_password_stands_in_the_compose_file() -> None:
    suspicious = {
        f"{name} {key}"
        for name, body in compose()["services"].items()
        for key in body.get("environment", {})
        if re.search(r"PASSWORD|TOKEN|DATABASE_URL", key) and not key.endswith("_FILE")
    }
    assert suspicious == set()


def test_processes_read_what_is_in_their_file_and_start_as_the_images_user() -> None:
    for name in SERVICES:
        body = service(name)
        assert ENVIRONMENT_FILE in body["entrypoint"][2]
        assert body["user"] == f"{IMAGE_UID}:{IMAGE_UID}"
    clients = Path(environment("intake")["KYUFU_INTAKE_CLIENTS"])
    assert clients == Path(environment("intake")["KYUFU_SECRETS_DIR"]) / CLIENTS_FILE


def test_settings_from_the_file_are_no_second_time_in_the_compose_file() -> None:
    assert {name for name in SERVICES if FROM_FILE & set(environment(name))} == set()
