"""What intake answers while a server beneath it is away; on servers of its own, to be stopped."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.ids import parse_application_id
from devstack.ports import random_base
from devstack.servers import Servers, needed_ports, start_servers
from services.intake.tests.running import create_topics, eventually, running, submitted
from services.intake.tests.support import Installation, form, request_of

pytestmark = pytest.mark.integration
ACK_TIMEOUT_S = 3.0
USES = "kyufu_intake_idempotency_requests_total"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A broker and a PostgreSQL that nobody else uses."""
    kept = {"KAFKA_BOOTSTRAP", "DATABASE_URL"}
    environ = {name: value for name, value in os.environ.items() if name not in kept}
    folder = Path(tempfile.mkdtemp(prefix="kyufu-intake-outages-"))
    folder.chmod(0o755)
    started = start_servers(
        folder=folder / "servers",
        logs=folder / "logs",
        ports=random_base(needed_ports(environ)),
        environ=environ,
    )
    try:
        create_topics(started.kafka_bootstrap)
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_without_the_broker_the_answer_is_503_and_a_retry_gives_one_application(
    installation: Installation, servers: Servers
) -> None:
    assert servers.kafka is not None
    request = request_of(installation, installation.authority.issue(), key="broker-away-000001")
    async with running(
        installation,
        servers.kafka_bootstrap,
        servers.database_url,
        acknowledgement_timeout_s=ACK_TIMEOUT_S,
    ) as run:
        warm = request_of(installation, installation.authority.issue(), key="broker-here-000001")
        assert (await run.post(warm)).status_code == 202
        servers.kafka.stop()
        try:
            answer = await run.post(request)
            assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
            assert answer.headers["retry-after"]
        finally:
            servers.kafka.start()
            servers.kafka.wait_ready()

        async def accepted() -> object:
            again = await run.post(request)
            return again.json() if again.status_code == 202 else None

        body = await eventually(accepted)
        assert run.failures == []
    application_id = parse_application_id(body["application_id"])
    records = [
        r for _, r in submitted(servers.kafka_bootstrap) if r.application_id == application_id
    ]
    assert len({record.event_id for record in records}) == 1


async def test_without_postgresql_applications_are_taken_and_nothing_is_forgotten(
    installation: Installation, servers: Servers
) -> None:
    assert servers.postgres is not None
    card = installation.authority.issue()
    async with running(installation, servers.kafka_bootstrap, servers.database_url) as run:
        first = request_of(installation, card, key="postgres-here-0001")

        async def is_checked() -> bool:
            await run.post(first)
            return run.counted(USES, use="first") > 0

        await eventually(is_checked)
        servers.postgres.halt()
        try:
            unchecked_before = run.counted(USES, use="unchecked")
            while_away = request_of(installation, card, key="postgres-away-0001")
            answer = await run.post(while_away)
            assert answer.status_code == 202
            assert run.counted(USES, use="unchecked") > unchecked_before
            accepted = answer.json()
            headers = {**installation.headers(), "Kyufu-Subject": accepted["subject"]}
            path = f"/v1/applications/{accepted['application_id']}"
            assert (await run.client.get(path, headers=headers)).status_code == 503
        finally:
            servers.postgres.start()

        async def is_refused_again() -> bool:
            other = request_of(
                installation, card, key="postgres-here-0001", body=form(language="en")
            )
            return (await run.post(other)).status_code == 422

        await eventually(is_refused_again)

        async def is_projected() -> object:
            body = await run.client.get(path, headers=headers)
            return body.status_code == 200 and body.json()["updated_at"]

        await eventually(is_projected)
        assert run.failures == []
