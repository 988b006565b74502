"""The console on real PostgreSQL and Kafka, seen through its gRPC door and through `kyufu`."""

import hashlib
import json
from pathlib import Path

import confluent_kafka
import grpc
import psycopg
import pytest
from kyufu.events.v1 import common_pb2, operations_pb2, reviews_pb2
from kyufu.staff.v1 import staff_pb2

from chassis.ids import application_id_text, random_id
from services.console.tests.installation import (
    CANARY,
    OTHER_TOWN,
    TOWN,
    decided,
    new_application_id,
    opened,
    settled,
    staff_token,
    submitted,
)
from services.console.tests.integration.conftest import DEADLINE_S, House
from services.console.tests.running import wait_until

pytestmark = pytest.mark.integration

EVENTS = "SELECT * FROM console.trace_event WHERE application_id = %s"
READ_RECORDS_MAX = 1_000
AUDITS = "SELECT result FROM console.audit WHERE subject = %s ORDER BY id"


def test_a_trace_shows_every_station_once_and_holds_nothing_personal(house: House) -> None:
    """INV-11: the canaries of the events are in no table, log, metric or answer."""
    application = new_application_id()
    text = application_id_text(application)
    first = submitted(application)
    house.produce("applications.submitted", first)
    house.produce("applications.submitted", first)
    house.produce("payments.events", settled(application))
    house.produce("applications.decided", decided(application, common_pb2.OUTCOME_APPROVED))
    house.wait_rows(EVENTS, 3, application)
    request = staff_pb2.TraceApplicationRequest(application_id=text)
    answer = house.call(lambda s: s.TraceApplication, request, "case_worker", town=TOWN)
    assert [station.event for station in answer.stations] == ["submitted", "decided", "settled"]
    assert answer.status == "settled"
    assert (answer.stations[2].file_name, answer.stations[2].line_number) == ("file-1", 7)
    token = staff_token(house.secrets, "auditor")
    shown = house.kyufu("trace", text, token=token)
    assert shown.returncode == 0, shown.stderr
    assert "settled" in shown.stdout
    stored = str(house.rows("SELECT * FROM console.trace_event"))
    metrics = house.process.get("/metrics") or ""
    log = house.process.log()
    for place in (str(answer), shown.stdout, stored, metrics, log):
        assert CANARY not in place
        assert CANARY.encode()[:16].hex() not in place


def test_every_look_is_audited_and_refused_looks_say_what_they_must(house: House) -> None:
    plain, hidden, unknown = (new_application_id() for _ in range(3))
    house.produce("applications.decided", decided(plain, common_pb2.OUTCOME_REFUSED))
    house.produce("applications.decided.protected", decided(hidden, common_pb2.OUTCOME_APPROVED))
    house.wait_rows(EVENTS, 1, plain)
    house.wait_rows(EVENTS, 1, hidden)

    def look(application: bytes, *roles: str, town: str | None = None) -> grpc.StatusCode:
        request = staff_pb2.TraceApplicationRequest(application_id=application_id_text(application))
        return house.refusal(lambda s: s.TraceApplication, request, *roles, town=town)

    assert look(plain, "case_worker", town=OTHER_TOWN) is grpc.StatusCode.PERMISSION_DENIED
    assert look(plain, "operator") is grpc.StatusCode.PERMISSION_DENIED
    assert look(hidden, "case_worker", town=TOWN) is grpc.StatusCode.NOT_FOUND
    assert look(hidden, "auditor") is grpc.StatusCode.NOT_FOUND
    assert look(unknown, "auditor") is grpc.StatusCode.NOT_FOUND
    request = staff_pb2.TraceApplicationRequest(application_id=application_id_text(hidden))
    seen = house.call(lambda s: s.TraceApplication, request, "protected_case_worker", town=TOWN)
    assert seen.status == "approved"
    assert house.rows(AUDITS, application_id_text(plain)) == [("foreign",)]
    assert house.rows(AUDITS, application_id_text(hidden)) == [
        ("hidden",), ("hidden",), ("visible",),
    ]  # fmt: skip
    assert house.rows(AUDITS, application_id_text(unknown)) == [("unknown",)]
    with (
        pytest.raises(psycopg.errors.RaiseException),
        psycopg.connect(house.database_url) as connection,
    ):
        connection.execute("DELETE FROM console.audit")


def test_a_review_is_answered_once_and_its_answer_reaches_the_stage(house: House) -> None:
    review = opened(new_application_id())
    house.produce("reviews.opened", review, review.stage_key)
    house.produce("reviews.opened", review, review.stage_key)
    house.wait_rows("SELECT 1 FROM console.review", 1)
    listed = house.call(
        lambda s: s.ListReviews, staff_pb2.ListReviewsRequest(), "case_worker", town=TOWN
    )
    assert [entry.review_id for entry in listed.reviews] == [review.review_id.hex()]
    accept = staff_pb2.ResolveReviewRequest(
        review_id=review.review_id.hex(), resolution=reviews_pb2.RESOLUTION_ACCEPT
    )
    refuse = staff_pb2.ResolveReviewRequest(
        review_id=review.review_id.hex(), resolution=reviews_pb2.RESOLUTION_REFUSE
    )
    for _ in range(2):
        answer = house.call(lambda s: s.ResolveReview, accept, "case_worker", town=TOWN)
        assert (answer.review.resolution, answer.review.actor) == ("accept", "staff-test")
    code = house.refusal(lambda s: s.ResolveReview, refuse, "case_worker", town=TOWN)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    published = _records(house, "reviews.resolved.link", review.stage_key, 1)
    resolved = reviews_pb2.ReviewResolved.FromString(published[0])
    assert resolved.actor == "staff-test"
    assert resolved.resolution == reviews_pb2.RESOLUTION_ACCEPT
    assert resolved.stage_event == review.stage_event
    assert house.rows("SELECT stage_event FROM console.review") == [(b"",)]
    assert len(house.rows("SELECT 1 FROM console.outbox")) == 1


def test_a_protected_review_exists_for_its_own_workers_alone(house: House) -> None:
    review = opened(new_application_id(), protected=True)
    house.produce("reviews.opened.protected", review, review.stage_key)
    house.wait_rows("SELECT 1 FROM console.review", 1)
    every = staff_pb2.ListReviewsRequest(include_resolved=True)
    answer = house.call(lambda s: s.ListReviews, every, "case_worker")
    assert (list(answer.reviews), answer.open_total) == ([], 0)
    request = staff_pb2.ResolveReviewRequest(
        review_id=review.review_id.hex(), resolution=reviews_pb2.RESOLUTION_ACCEPT
    )
    code = house.refusal(lambda s: s.ResolveReview, request, "case_worker", town=TOWN)
    assert code is grpc.StatusCode.NOT_FOUND
    assert house.call(lambda s: s.ListReviews, every, "protected_case_worker").open_total == 1
    foreign = house.refusal(
        lambda s: s.ResolveReview, request, "protected_case_worker", town=OTHER_TOWN
    )
    assert foreign is grpc.StatusCode.PERMISSION_DENIED


def test_a_dead_letter_is_put_back_byte_for_byte_and_once(house: House) -> None:
    key, value = random_id(), submitted(new_application_id()).SerializeToString()
    house.produce("applications.identified", value, key)
    partition, offset = _place(house, "applications.identified", key)
    letter = operations_pb2.DeadLetter(
        source_topic="applications.identified",
        source_partition=partition,
        source_offset=offset,
        key_digest=hashlib.sha256(key).digest(),
        value_digest=hashlib.sha256(value).digest(),
        consumer="eligibility.dedup",
        reason="undecodable",
        at_ms=1,
    )
    altered = operations_pb2.DeadLetter()
    altered.CopyFrom(letter)
    altered.consumer, altered.value_digest = "payments", b"\x00" * 32
    house.produce("deadletters", letter)
    house.produce("deadletters", altered)
    pointed = "SELECT dead_letter_id FROM console.dead_letter WHERE consumer = %s AND reason = %s"
    house.wait_rows(pointed, 1, "eligibility.dedup", "undecodable")
    house.wait_rows(pointed, 1, "payments", "undecodable")
    good, bad = (
        house.rows(pointed, consumer, "undecodable")[0][0].hex()
        for consumer in ("eligibility.dedup", "payments")
    )
    request = staff_pb2.ReplayDeadLetterRequest(dead_letter_id=good)
    for _ in range(2):
        answer = house.call(lambda s: s.ReplayDeadLetter, request, "operator")
        assert answer.dead_letter.replayed
    assert _records(house, "applications.identified", key, 2) == [value, value]
    request = staff_pb2.ReplayDeadLetterRequest(dead_letter_id=bad)
    code = house.refusal(lambda s: s.ReplayDeadLetter, request, "operator")
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    shown = house.kyufu("deadletters", "list", "--json", token=_operator(house))
    assert good in {entry["dead_letter_id"] for entry in json.loads(shown.stdout)["dead_letters"]}


def test_money_and_registers_are_passed_on_under_the_callers_own_token(
    house: House, tmp_path: Path
) -> None:
    maker = staff_token(house.secrets, "payments_viewer", "payments_maker", "payments_checker")
    listed = house.kyufu("batches", token=maker)
    assert listed.returncode == 0, listed.stderr
    assert "b-1" in listed.stdout
    assert house.kyufu("propose", "--request-id", "r-1", token=maker).returncode == 0
    approved = house.kyufu("approve", "b-1", "--sha256", "01" * 32, token=maker)
    assert approved.returncode == 76
    assert approved.stderr == "kyufu: not possible now: hash_differs\n"
    file = tmp_path / "households.csv"
    file.write_bytes(b"x" * 100_000)
    registrar = staff_token(house.secrets, "registrar")
    loaded = house.kyufu(
        "registers", "import", "--register", "households", "--snapshot", "2020-04-27",
        "--version", "1", "--complete", str(file), token=registrar,
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
    assert [name for name, _ in house.peers.calls] == [
        "ListBatches", "ProposeBatches", "ApproveBatch", "ImportRegister",
    ]  # fmt: skip
    assert house.peers.calls[0][1] == f"Bearer {maker}"
    assert house.peers.calls[3][1] == f"Bearer {registrar}"
    header, *chunks = house.peers.received[3]
    assert (header.header.snapshot_id, header.header.complete) == ("2020-04-27", True)
    assert b"".join(chunk.chunk for chunk in chunks) == file.read_bytes()


def test_status_shows_health_lag_yen_and_tasks(house: House) -> None:
    review = opened(new_application_id())
    house.produce("reviews.opened", review, review.stage_key)
    house.wait_rows("SELECT 1 FROM console.review", 1)

    def lag_is_shown() -> bool:
        answer = house.call(lambda s: s.GetStatus, staff_pb2.GetStatusRequest(), "operator")
        return any(lag.topic == "reviews.opened" for lag in answer.lags)

    wait_until(lag_is_shown, DEADLINE_S, "the lag of the console's own consumer")
    answer = house.call(lambda s: s.GetStatus, staff_pb2.GetStatusRequest(), "operator")
    assert {(s.service, s.ready) for s in answer.services} == {("console", True), ("absent", False)}
    assert [station.station for station in answer.stations] == ["planned"]
    assert answer.open_reviews == 1
    assert [stage.stage for stage in answer.stages] == ["identify", "dedup", "link"]
    shown = house.kyufu("status", token=_operator(house))
    assert shown.returncode == 0, shown.stderr
    assert "100,000" in shown.stdout
    link = next(row for row in shown.stdout.splitlines() if row.startswith("│ link "))
    assert set(link.removeprefix("│ link")) == set("│ -"), "no stage answers here: dashes only"


def _operator(house: House) -> str:
    return staff_token(house.secrets, "operator")


def _read(house: House, topic: str, key: bytes, count: int) -> list[confluent_kafka.Message]:
    reader = confluent_kafka.Consumer(
        {
            "bootstrap.servers": house.kafka_bootstrap,
            "group.id": random_id().hex(),
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe([topic])
    found: list[confluent_kafka.Message] = []

    def complete() -> bool:
        for message in reader.consume(READ_RECORDS_MAX, 0.2):
            if message.error() is None and message.key() == key:
                found.append(message)
        return len(found) >= count

    wait_until(complete, DEADLINE_S, f"{count} records on {topic}")
    reader.close()
    return found


def _records(house: House, topic: str, key: bytes, count: int) -> list[bytes]:
    return [message.value() or b"" for message in _read(house, topic, key, count)]


def _place(house: House, topic: str, key: bytes) -> tuple[int, int]:
    message = _read(house, topic, key, 1)[0]
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset
