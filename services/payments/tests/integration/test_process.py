"""The whole process on real Kafka and PostgreSQL, killed between any two steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from kyufu.events.v1 import operations_pb2
from kyufu.events.v1 import payments_pb2 as events_pb2
from kyufu.payments.v1 import payments_pb2

from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.postgres import connect_pool, migrate
from jpbank.zengin import ResultCode
from services.payments.tests.house import House
from services.payments.tests.installation import (
    PaymentsProcess,
    fresh_topics,
    read_events,
    read_values,
    status_of,
    wait_until,
    write_secrets,
)
from services.payments.tests.town import PROGRAMME, decided_message, hold

pytestmark = pytest.mark.integration

TOPICS = (
    "applications.decided",
    "applications.decided.protected",
    "holds.v1",
    "payments.events",
    "payments.events.protected",
    "deadletters",
)
MAKER = {"payments_maker", "payments_viewer"}
CHECKER = {"payments_checker", "payments_viewer"}


@dataclass
class Town:
    """The process and everything around it."""

    process: PaymentsProcess
    house: House
    producer: DurableProducer
    bootstrap: str

    def decide(self, *names: str) -> None:
        """Eligibility approves each household."""
        self.producer.produce_batch(
            [
                OutgoingRecord(
                    topic="applications.decided",
                    key=message.claim_unit_id,
                    value=message,
                )
                for message in (
                    decided_message(name, account_sealed=self.house.keys.account(number))
                    for number, name in enumerate(names, start=1)
                )
            ]
        )

    def hold(self, name: str) -> None:
        notice = hold(name)
        self.producer.produce_batch(
            [
                OutgoingRecord(
                    topic="holds.v1",
                    key=notice.claim_unit_id,
                    value=events_pb2.Hold(
                        event_id=notice.cause.event_id,
                        hold_id=notice.hold_id,
                        programme=PROGRAMME,
                        claim_unit_id=notice.claim_unit_id,
                        cause=events_pb2.HOLD_CAUSE_DEATH,
                        version=1,
                        active=True,
                    ),
                )
            ]
        )

    def yen_is(self, expected: dict[str, int]) -> None:
        wait_until(lambda: self.house.yen() == expected, f"yen are {expected}")

    def propose(self, request_id: str) -> payments_pb2.ProposeBatchesResponse:
        response: payments_pb2.ProposeBatchesResponse = self.process.call(
            "ProposeBatches",
            payments_pb2.ProposeBatchesRequest(programme=PROGRAMME, request_id=request_id),
            subject="maker",
            roles=MAKER,
        )
        return response

    def approve(self, batch: payments_pb2.Batch) -> payments_pb2.Batch:
        response: payments_pb2.ApproveBatchResponse = self.process.call(
            "ApproveBatch",
            payments_pb2.ApproveBatchRequest(batch_id=batch.batch_id, sha256=batch.sha256),
            subject="checker",
            roles=CHECKER,
        )
        return response.batch


@pytest.fixture
def town(kafka_bootstrap: str, fresh_database: str, tmp_path: Path) -> Iterator[Town]:
    fresh_topics(kafka_bootstrap, TOPICS)
    migrate(fresh_database, "payments")
    pool = connect_pool(fresh_database, schema="payments", max_size=3)
    house = House(pool, tmp_path / "run" / "bank")
    secrets = write_secrets(tmp_path / "secrets", house.keys)
    process = PaymentsProcess(
        {
            "KAFKA_BOOTSTRAP": kafka_bootstrap,
            "DATABASE_URL": fresh_database,
            "KYUFU_SECRETS_DIR": str(tmp_path / "secrets"),
            "KYUFU_RUN_DIR": str(tmp_path / "run"),
            "KYUFU_NOTIFY_ADDR": "127.0.0.1:1",
            "KYUFU_PAYMENTS_DECISIONS_GROUP": f"decisions-{tmp_path.name}",
            "KYUFU_PAYMENTS_HOLDS_GROUP": f"holds-{tmp_path.name}",
        },
        secrets,
        tmp_path / "payments.log",
    )
    producer = DurableProducer(kafka_bootstrap, "eligibility-test")
    try:
        yield Town(process, house, producer, kafka_bootstrap)
    finally:
        process.stop()
        producer.close()
        pool.close()


def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(town: Town) -> None:
    town.decide("a", "b", "c")
    town.process.start()
    town.yen_is({"planned": 300_000})
    town.process.kill()

    town.hold("c")
    town.decide("a", "b")  # redelivered
    town.process.start()
    town.yen_is({"planned": 200_000, "held": 100_000})
    (batch,) = town.propose("r1").batches
    town.process.kill()

    town.process.start()
    assert town.propose("r1").batches[0] == batch
    sent = town.approve(batch)
    assert sent.state == payments_pb2.BATCH_STATE_SENT
    town.process.kill()

    (kept,) = town.house.snapshots.batches("", None, "", 10)
    town.house.receipt(kept)
    town.house.result(
        kept, lambda line: ResultCode.ACCOUNT_CLOSED if line == 2 else ResultCode.PAID
    )
    town.process.start()
    town.yen_is({"held": 100_000, "settled": 100_000, "returned": 100_000})
    town.house.assert_books_agree()

    unpublished = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    wait_until(lambda: town.house.rows(unpublished) == [(0,)], "all events are published")
    events = read_events(town.bootstrap, "payments.events")
    versions = {(event.payment_id, event.version, event.kind) for event in events}
    assert len({event.event_id for event in events}) == len(versions) == 12
    assert town.process.stop() == 0


def test_the_door_checks_roles_and_answers_from_one_snapshot(town: Town) -> None:
    town.decide("a", "b")
    town.process.start()
    town.yen_is({"planned": 200_000})
    (batch,) = town.propose("r1").batches
    assert batch.state == payments_pb2.BATCH_STATE_FROZEN
    assert batch.value_date == 20200512
    call = town.process.call
    approve = payments_pb2.ApproveBatchRequest(batch_id=batch.batch_id, sha256=batch.sha256)
    viewer = {"payments_viewer"}

    assert status_of(lambda: call("ApproveBatch", approve, subject="v", roles=viewer)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "role_missing",
    )
    assert status_of(lambda: call("ApproveBatch", approve, subject="maker", roles=CHECKER)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "maker_may_not_approve",
    )
    other = payments_pb2.ApproveBatchRequest(batch_id=batch.batch_id, sha256=b"x" * 32)
    assert status_of(lambda: call("ApproveBatch", other, subject="c", roles=CHECKER)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "hash_differs",
    )
    foreign = status_of(
        lambda: call(
            "ApproveBatch", approve, subject="c", roles=CHECKER, municipality_code="271004"
        )
    )
    assert foreign[0] is grpc.StatusCode.NOT_FOUND
    nothing = payments_pb2.ProposeBatchesRequest(programme="other", request_id="r2")
    assert status_of(lambda: call("ProposeBatches", nothing, subject="m", roles=MAKER)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "unknown_programme",
    )
    reused = payments_pb2.ProposeBatchesRequest(
        programme=PROGRAMME, municipality_code="131016", request_id="r1"
    )
    assert status_of(lambda: call("ProposeBatches", reused, subject="maker", roles=MAKER)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "request_id_used",
    )
    yen = call("GetYenByStation", payments_pb2.GetYenByStationRequest(), subject="v", roles=viewer)
    assert (yen.decided_yen, yen.decided_payments) == (200_000, 2)
    pages = call(
        "ListBatches", payments_pb2.ListBatchesRequest(page_size=1), subject="v", roles=viewer
    )
    assert (len(pages.batches), pages.next_page_token) == (1, "")


def test_metrics_show_the_ledger_as_it_is(town: Town) -> None:
    town.decide("a")
    town.process.start()
    town.yen_is({"planned": 100_000})

    def shown() -> bool:
        text = town.process.get("/metrics") or ""
        planned = (
            f'kyufu_payments_station_yen{{programme="{PROGRAMME}",station="planned"}} 100000.0'
        )
        return planned in text and "kyufu_payments_ledger_difference_yen 0.0" in text

    wait_until(shown, "the scrape shows what is planned")


def test_a_broken_sum_is_a_dead_letter_and_the_rest_goes_on(town: Town) -> None:
    broken = decided_message("x", account_sealed=town.house.keys.account(7))
    broken.amount_yen += 1
    town.producer.produce_batch(
        [OutgoingRecord(topic="applications.decided", key=broken.claim_unit_id, value=broken)]
    )
    town.decide("a")
    town.process.start()
    town.yen_is({"planned": 100_000})
    (letter,) = read_values(town.bootstrap, "deadletters")
    assert operations_pb2.DeadLetter.FromString(letter).reason == "amount_is_not_the_sum"
