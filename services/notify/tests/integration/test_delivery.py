"""INV-9 on real PostgreSQL, Kafka, SMTP and HTTP: at most one notice per event and channel."""

import uuid

import confluent_kafka
import psycopg
import pytest
from kyufu.events.v1 import applications_pb2, common_pb2, operations_pb2

from chassis.ids import random_id
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from services.notify.tests.installation import (
    PROGRAMME,
    application_id,
    request,
    sealed_contact,
)
from services.notify.tests.integration.conftest import House
from services.notify.tests.running import wait_until

pytestmark = pytest.mark.integration

EMAIL = {"email": "shiken@example.invalid"}
PHONE = {"phone": "+819000000000"}
DEADLINE_S = 60.0
READ_RECORDS_MAX = 1_000


def test_the_same_event_twice_is_one_mail(house: House) -> None:
    house.mails.start()
    house.process.start()
    house.process.wait_ready()
    wanted = request(house.secrets, EMAIL)
    assert house.notify(wanted, wanted) == [True, False]
    assert house.notify(wanted) == [False]
    house.wait_ended(1)
    assert len(house.mails.content) == 1
    assert house.mails.recipients == [EMAIL["email"]]
    totals = house.totals()
    assert (totals.requested, totals.delivered, totals.failed) == (1, 1, 0)


def test_a_refusal_in_the_topic_becomes_one_notice_and_is_recorded(house: House) -> None:
    house.mails.start()
    house.process.start()
    house.process.wait_ready()
    owner = application_id()
    decided = applications_pb2.ApplicationDecided(
        event_id=random_id(),
        application_id=owner,
        programme=PROGRAMME,
        outcome=common_pb2.OUTCOME_REFUSED,
        reasons=[common_pb2.REASON_NOT_IN_REGISTER],
        language="en",
        contact=sealed_contact(house.secrets, owner, EMAIL),
    )
    approved = applications_pb2.ApplicationDecided(
        event_id=random_id(),
        application_id=application_id(),
        programme=PROGRAMME,
        outcome=common_pb2.OUTCOME_APPROVED,
    )
    _produce(house, "applications.decided", [decided, approved, decided])
    wait_until(lambda: len(house.mails.content) >= 1, DEADLINE_S, "the mail came")
    house.wait_ended(1)
    recorded = _recorded(house, owner)
    assert recorded.causing_event_id == decided.event_id
    assert recorded.state == operations_pb2.NOTICE_STATE_DELIVERED
    assert recorded.channel == operations_pb2.NOTICE_CHANNEL_EMAIL
    assert len(house.mails.content) == 1


@pytest.mark.parametrize("mode", ["error", "silent"])
def test_a_provider_that_fails_gives_way_to_the_second_one_exactly_once(
    house: House, mode: str
) -> None:
    house.mails.start()
    house.sms_a.mode = mode
    house.sms_a.asks_answered = mode == "error"
    house.process.start()
    house.process.wait_ready()
    wanted = request(house.secrets, PHONE)
    assert house.notify(wanted) == [True]
    house.wait_ended(1)
    key = f"{wanted.event_id.hex()}-sms"
    assert house.sms_a.messages == {}
    assert set(house.sms_b.messages) == {key}
    assert house.sms_a.asks.count(key) >= 1, "the first provider was asked before the failover"
    assert house.sms_b.posts == 1


@pytest.mark.parametrize("mode", ["error_after", "silent_after"])
def test_a_message_that_the_first_provider_kept_is_not_sent_by_the_second(
    house: House, mode: str
) -> None:
    house.mails.start()
    house.sms_a.mode = mode
    house.process.start()
    house.process.wait_ready()
    assert house.notify(request(house.secrets, PHONE)) == [True]
    house.wait_ended(1)
    assert len(house.sms_a.messages) == 1
    assert house.sms_b.messages == {}
    assert house.rows("SELECT result FROM notify.notice") == [("sms_a",)]


def test_mails_wait_while_the_server_is_away_and_come_once_when_it_is_back(house: House) -> None:
    house.process.start()
    house.process.wait_ready()
    wanted = [request(house.secrets, EMAIL) for _ in range(20)]
    assert house.notify(*wanted) == [True] * 20
    tried = "SELECT count(*) FROM notify.notice WHERE attempts > 0"
    wait_until(lambda: house.rows(tried)[0][0] == 20, DEADLINE_S, "all were tried")
    house.mails.start()
    house.wait_ended(20)
    assert len(set(house.mails.message_ids())) == len(house.mails.content) == 20


def test_a_kill_between_sending_and_marking_sends_again_under_the_same_message_id(
    house: House,
) -> None:
    house.mails.start()
    house.process.start()
    house.process.wait_ready()
    # The mark waits behind this lock, so the kill comes after the mail left and before it is told.
    with psycopg.connect(house.database_url) as blocker:
        blocker.execute("LOCK TABLE notify.outbox IN ACCESS EXCLUSIVE MODE")
        wanted = request(house.secrets, EMAIL)
        assert house.notify(wanted) == [True]
        wait_until(lambda: len(house.mails.content) == 1, DEADLINE_S, "the first copy left")
        house.process.kill()
    house.process.start()
    house.process.wait_ready()
    house.wait_ended(1)
    ids = house.mails.message_ids()
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert wanted.event_id.hex() in ids[0]


def test_nothing_personal_is_in_log_metrics_or_records_of_a_run(house: House) -> None:
    """INV-11: canaries in every value that notify opens."""
    canary = uuid.uuid4().hex
    house.mails.start()
    house.mails.answers = ["451 try later", "550 no such person", "250 OK"]
    house.process.start()
    house.process.wait_ready()
    contacts = [
        {"email": f"{canary}@example.invalid"},
        {"email": f"{canary}2@example.invalid"},
        {"email": f"{canary} broken"},
        {"phone": f"+8190{canary}"},
        {"phone": "+819012340000"},
    ]
    wanted = [request(house.secrets, contact) for contact in contacts]
    assert all(house.notify(*wanted))
    house.wait_ended(len(wanted))
    metrics = house.process.get("/metrics") or ""
    assert "kyufu_notify_ended_notices_total" in metrics
    stored = str(house.rows("SELECT * FROM notify.notice"))
    records = str(house.rows("SELECT payload, key FROM notify.outbox"))
    assert house.process.stop() == 0
    for place, text in (
        ("log", house.process.log()), ("metrics", metrics), ("table", stored),
        ("outbox", records),
    ):  # fmt: skip
        assert canary not in text, place
        assert "819012340000" not in text, place
    assert any(canary in recipient for recipient in house.mails.recipients)


def _produce(house: House, topic: str, messages: list[applications_pb2.ApplicationDecided]) -> None:
    producer = DurableProducer(house.kafka_bootstrap, "test")
    producer.produce_batch(
        [
            OutgoingRecord(topic=topic, key=message.application_id, value=message)
            for message in messages
        ]
    )
    producer.close()


def _recorded(house: House, owner: bytes) -> operations_pb2.NoticeRecorded:
    reader = confluent_kafka.Consumer(
        {
            "bootstrap.servers": house.kafka_bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe(["notices.recorded"])
    found: list[operations_pb2.NoticeRecorded] = []

    def seen() -> bool:
        for message in reader.consume(READ_RECORDS_MAX, 0.2):
            if message.error() is None and message.key() == owner:
                found.append(operations_pb2.NoticeRecorded.FromString(message.value() or b""))
        return bool(found)

    wait_until(seen, DEADLINE_S, "the notice was recorded")
    reader.close()
    return found[0]
