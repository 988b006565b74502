"""Intake on a real broker and a real PostgreSQL."""

import asyncio
from typing import Any

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from chassis.clock import FakeClock
from chassis.ids import parse_application_id
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.sealing import Opener
from services.intake.tests.running import (
    Running,
    create_topics,
    eventually,
    running,
    submitted,
)
from services.intake.tests.support import NOW, Installation, form, request_of

pytestmark = pytest.mark.integration
REGISTRATIONS = 1_000


async def status(run: Running, installation: Installation, accepted: dict[str, Any]) -> Any:
    headers = {**installation.headers(), "Kyufu-Subject": accepted["subject"]}
    response = await run.client.get(
        f"/v1/applications/{accepted['application_id']}", headers=headers
    )
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_202_means_that_the_record_is_on_the_topic(
    installation: Installation, kafka_bootstrap: str, fresh_database: str
) -> None:
    create_topics(kafka_bootstrap)
    card = installation.authority.issue()
    async with running(installation, kafka_bootstrap, fresh_database) as run:
        response = await run.post(request_of(installation, card))
        assert response.status_code == 202, response.text
        accepted = response.json()
        assert (await status(run, installation, accepted))["status"] == "received"
    application_id = parse_application_id(accepted["application_id"])
    ((key, record),) = [
        pair for pair in submitted(kafka_bootstrap) if pair[1].application_id == application_id
    ]
    assert key == record.credential_fingerprint
    assert record.receipt_number == accepted["receipt_number"]
    assert record.channel == common_pb2.CHANNEL_ONLINE
    private_key = installation.secrets.private_key
    opener = Opener({name: private_key(name) for name in ("account", "contact")})
    assert opener.open(record.account.account) == "000100111234567ﾃｽﾄ ﾀﾛｳ".encode("cp932")
    assert opener.open(record.contact) == b'{"email": "shiken@kyufu.example"}'


async def test_the_same_key_gets_the_same_answer_and_another_body_gets_422(
    installation: Installation, kafka_bootstrap: str, fresh_database: str
) -> None:
    create_topics(kafka_bootstrap)
    card = installation.authority.issue()
    async with running(installation, kafka_bootstrap, fresh_database) as run:
        # Until the feed has made the tables, keys go unchecked.
        await eventually(lambda: _tables_exist(run, installation))
        key = "key-of-the-second-test"
        first = await run.post(request_of(installation, card, key=key))
        again = await run.post(request_of(installation, card, key=key))
        other = await run.post(request_of(installation, card, key=key, body=form(language="en")))
        assert (first.status_code, again.content) == (202, first.content)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    application_id = parse_application_id(first.json()["application_id"])
    records = [r for _, r in submitted(kafka_bootstrap) if r.application_id == application_id]
    assert len({record.event_id for record in records}) == 1
    assert len({record.body_digest for record in records}) == 1


async def test_a_thousand_concurrent_registrations_get_distinct_ids(
    installation: Installation, kafka_bootstrap: str, fresh_database: str
) -> None:
    """The clock stands still: ids must not come from it."""
    create_topics(kafka_bootstrap)
    card = installation.authority.issue()
    async with running(installation, kafka_bootstrap, fresh_database, clock=FakeClock(NOW)) as run:
        answers = await asyncio.gather(
            *(
                run.post(request_of(installation, card, key=f"thousand-{number:016d}"))
                for number in range(REGISTRATIONS)
            )
        )
    assert {answer.status_code for answer in answers} == {202}
    ids = {parse_application_id(answer.json()["application_id"]) for answer in answers}
    assert len(ids) == REGISTRATIONS
    assert ids <= {record.application_id for _, record in submitted(kafka_bootstrap)}


async def test_the_status_follows_the_decision_and_the_payment(
    installation: Installation, kafka_bootstrap: str, fresh_database: str
) -> None:
    create_topics(kafka_bootstrap)
    card = installation.authority.issue()
    producer = DurableProducer(kafka_bootstrap, "intake-test")
    async with running(installation, kafka_bootstrap, fresh_database) as run:
        accepted = (await run.post(request_of(installation, card, key="followed-000000001"))).json()
        application_id = parse_application_id(accepted["application_id"]) or b""

        async def becomes(expected: str) -> Any:
            async def is_so() -> Any:
                body = await status(run, installation, accepted)
                return body if body["status"] == expected else None

            return await eventually(is_so)

        unit = bytes(16)
        produce(producer, "applications.decided", unit, approved(application_id, unit))
        body = await becomes("approved")
        assert body["amount_yen"] == 100_000
        # Identify knew no claim unit: its word does not count any more.
        refused = applications_pb2.ApplicationDecided(
            application_id=application_id, outcome=common_pb2.OUTCOME_REFUSED, decided_at_ms=2
        )
        produce(producer, "applications.decided", unit, refused)
        settled, sent = (
            payments_pb2.PAYMENT_EVENT_KIND_SETTLED,
            payments_pb2.PAYMENT_EVENT_KIND_SENT,
        )
        produce(producer, "payments.events", unit, payment(application_id, settled, 3))
        await becomes("paid")
        sent = payments_pb2.PAYMENT_EVENT_KIND_SENT
        produce(producer, "payments.events", unit, payment(application_id, sent, 2))
        returned = payments_pb2.PAYMENT_EVENT_KIND_RETURNED
        produce(producer, "payments.events.protected", unit, payment(application_id, returned, 4))
        await becomes("returned")
        assert run.failures == []
    producer.close()


async def _tables_exist(run: Running, installation: Installation) -> bool:
    card = installation.authority.issue()
    await run.post(
        request_of(installation, card, key=card.key.public_key().public_bytes_raw().hex())
    )
    return run.counted("kyufu_intake_idempotency_requests_total", use="first") > 0


def produce(producer: DurableProducer, topic: str, key: bytes, message: Message) -> None:
    producer.produce_batch([OutgoingRecord(topic=topic, key=key, value=message)])


def approved(application_id: bytes, unit: bytes) -> applications_pb2.ApplicationDecided:
    return applications_pb2.ApplicationDecided(
        application_id=application_id,
        claim_unit_id=unit,
        outcome=common_pb2.OUTCOME_APPROVED,
        amount_yen=100_000,
        decided_at_ms=1,
    )


def payment(
    application_id: bytes, kind: payments_pb2.PaymentEventKind.ValueType, version: int
) -> payments_pb2.PaymentEvent:
    return payments_pb2.PaymentEvent(
        application_id=application_id,
        payment_id=bytes(16),
        kind=kind,
        version=version,
        occurred_at_ms=version,
    )
