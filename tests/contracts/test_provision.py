"""The provisioner of containers hands each process exactly the key files that its code reads."""

import ast
import json
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import psycopg
import pytest

from chassis.grpc.tokens import TokenVerifier
from chassis.secrets import SecretsDir
from deploy.provision.keys import Volumes, write_installation
from deploy.provision.servers import create_schemas
from deploy.provision.shares import KEY_FILES_OF, SCHEMAS, VERIFY_KEYS
from deploy.provision.tokens import issue, played_clock
from devstack.topology import PROCESS_NAMES

ROOT = Path(__file__).resolve().parents[2]
PLACE = "postgres:5432/kyufu"
STAGES = ("registers", "identify", "dedup", "link")
PROCESSES_OF = {
    name: STAGES if name == "eligibility" else (name,)
    for name in ("intake", "eligibility", "payments", "notify", "console")
}
FILES_OF_READ = {
    "pepper": "peppers/{}.bin",
    "public_key": "sealing/{}.pub",
    "private_key": "sealing/{}.key",
    "signing_key": "{}/signing.key",
}
FILE_OF_READ = {"verify_keys": VERIFY_KEYS, "certificate_authority_pem": "cards/ca.pem"}
READS = (*FILES_OF_READ, *FILE_OF_READ)
PURPOSES = ("identity", "account", "contact")


def modules(service: str) -> Iterator[tuple[ModuleType, ast.Module]]:
    for path in sorted((ROOT / "services" / service).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        if "tests" in parts or not any(f".{method}(" in text for method in READS):
            continue
        yield import_module(".".join(parts)), ast.parse(text)


def words(module: ModuleType, tree: ast.Module, argument: ast.expr) -> set[str]:
    """The texts that an argument may be: a constant, a named one, or a loop's over constants."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    assert isinstance(argument, ast.Name), f"{module.__name__}: {ast.unparse(argument)}"
    if hasattr(module, argument.id):
        return {str(getattr(module, argument.id))}
    for loop in ast.walk(tree):
        if isinstance(loop, ast.DictComp | ast.ListComp | ast.SetComp | ast.GeneratorExp):
            if argument not in ast.walk(loop):
                continue
            names = eval(ast.unparse(loop.generators[0].iter), dict(vars(module)))
            return {str(name) for name in names}
    raise AssertionError(f"{module.__name__}: what is {argument.id}?")


def files_read(service: str) -> set[str]:
    """Key files that a service's code asks for."""
    found: set[str] = set()
    for module, tree in modules(service):
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            method = call.func.attr
            if method in FILE_OF_READ:
                found.add(FILE_OF_READ[method])
            elif method in FILES_OF_READ and len(call.args) == 1:
                asked = words(module, tree, call.args[0])
                found |= {FILES_OF_READ[method].format(word) for word in asked}
    # The identifier of a signing key stands beside the keys for verifying.
    return found | ({VERIFY_KEYS} if any("signing" in name for name in found) else set())


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    made = Volumes(*(tmp_path / name for name in ("installation", "shares", "owners", "data")))
    for folder in (made.installation, made.shares, made.owners, made.data):
        folder.mkdir()
    return made


def install(volumes: Volumes, clock_start: str = "2020-05-11T00:00:00+00:00") -> bool:
    return write_installation(
        volumes, municipality_codes=["131016"], database_place=PLACE, clock_start=clock_start
    )


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def sourced(share: Path, name: str) -> str:
    """What a process sees of its file `environment`, read as its entrypoint reads it."""
    script = 'set -a; . "$1/environment"; set +a; printenv "$2" || true'
    done = subprocess.run(
        ["/bin/sh", "-ec", script, "sh", str(share), name],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=True,
    )
    return done.stdout.rstrip("\n")


@pytest.mark.parametrize("service", PROCESSES_OF)
def test_the_table_of_shares_names_what_the_code_reads(service: str) -> None:
    shared = {name for process in PROCESSES_OF[service] for name in KEY_FILES_OF[process]}
    assert shared == files_read(service)


def test_every_service_process_has_a_share() -> None:
    assert set(KEY_FILES_OF) == set(PROCESS_NAMES) - {"bank", "providers"}


def test_a_private_key_goes_to_those_alone_who_open_with_it() -> None:
    holders = {
        purpose: {name for name, files in KEY_FILES_OF.items() if f"sealing/{purpose}.key" in files}
        for purpose in PURPOSES
    }
    assert holders == {
        "identity": {"link"},
        "account": {"link", "payments"},
        "contact": {"notify"},
    }


def test_a_share_holds_its_key_files_its_environment_and_nothing_else(volumes: Volumes) -> None:
    install(volumes)
    found = {process: files_below(volumes.shares / process) for process in KEY_FILES_OF}
    expected = {process: {*files, "environment"} for process, files in KEY_FILES_OF.items()}
    expected["intake"] |= {"clients.json"}
    assert found == expected


def test_each_process_with_a_schema_gets_a_password_of_its_own(volumes: Volumes) -> None:
    install(volumes)
    urls = {name: sourced(volumes.shares / name, "DATABASE_URL") for name in KEY_FILES_OF}
    assert {name for name, url in urls.items() if url} == set(SCHEMAS)
    parts = [urlsplit(urls[name]) for name in SCHEMAS]
    assert [part.username for part in parts] == [f"kyufu_{name}" for name in SCHEMAS]
    assert len({part.password for part in parts}) == len(SCHEMAS)


def test_all_processes_play_on_one_clock(volumes: Volumes) -> None:
    install(volumes)
    clocks = {
        (sourced(share, "KYUFU_CLOCK_START"), sourced(share, "KYUFU_CLOCK_EPOCH"))
        for share in volumes.shares.iterdir()
    }
    assert len(clocks) == 1
    assert clocks.pop()[0] == "2020-05-11T00:00:00+00:00"


def test_without_a_start_the_real_clock_is_used(volumes: Volumes) -> None:
    install(volumes, clock_start="")
    assert {sourced(share, "KYUFU_CLOCK_START") for share in volumes.shares.iterdir()} == {""}


def test_making_an_installation_again_keeps_every_key(volumes: Volumes) -> None:
    assert install(volumes) is True
    before = {name: (volumes.shares / name).read_bytes() for name in files_below(volumes.shares)}
    assert install(volumes) is False
    after = {name: (volumes.shares / name).read_bytes() for name in files_below(volumes.shares)}
    assert after == before


def test_the_clients_file_holds_no_token(volumes: Volumes) -> None:
    install(volumes)
    text = (volumes.shares / "intake" / "clients.json").read_text(encoding="utf-8")
    assert {entry["client_id"] for entry in json.loads(text)} >= {"portal", "paper-131016"}
    tokens = [path.read_text() for path in (volumes.installation / "clients").iterdir()]
    assert tokens
    assert [token for token in tokens if token in text] == []


def test_shares_are_read_by_the_services_own_reader_of_keys(volumes: Volumes) -> None:
    install(volumes)
    payments = SecretsDir(volumes.shares / "payments")
    assert payments.signing_key("service").kid == "service-1"
    assert payments.private_key("account") is not None


def test_a_staff_token_is_valid_at_the_consoles_door_on_the_played_clock(volumes: Volumes) -> None:
    install(volumes)
    token = issue(volumes.installation, "operator-1", ["operator"], "131016")
    console = SecretsDir(volumes.shares / "console")
    principal = TokenVerifier(console.verify_keys(), played_clock(volumes.installation)).verify(
        token
    )
    assert principal.subject == "operator-1"
    assert principal.roles == {"operator"}
    assert principal.municipality_code == "131016"
    assert played_clock(volumes.installation).today_jst().year == 2020


@pytest.mark.integration
def test_roles_and_schemas_are_made_and_may_be_made_again(
    volumes: Volumes, fresh_database: str
) -> None:
    install(volumes)
    owner = urlsplit(fresh_database)
    (volumes.installation / "passwords" / "postgres").write_text(owner.password or "")
    place = f"{owner.hostname}:{owner.port}{owner.path}"
    try:
        for _ in range(2):
            create_schemas(volumes.installation, place, owner=owner.username or "")
        with psycopg.connect(fresh_database) as connection:
            found = connection.execute(
                "SELECT nspname, nspowner::regrole::text FROM pg_namespace"
                " WHERE nspname = ANY(%s) ORDER BY 1",
                (list(SCHEMAS),),
            ).fetchall()
        assert found == [(schema, f"kyufu_{schema}") for schema in sorted(SCHEMAS)]
    finally:
        with psycopg.connect(fresh_database, autocommit=True) as connection:
            for schema in SCHEMAS:
                connection.execute(f"DROP OWNED BY kyufu_{schema} CASCADE")
                connection.execute(f"DROP ROLE kyufu_{schema}")
