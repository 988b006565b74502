"""The catalogue: complete, decodable, and with rights that hold."""

import pytest
from kyufu.events.v1 import operations_pb2

from chassis.kafka.errors import InvalidMessage, NotPermitted
from chassis.kafka.records import Record
from chassis.kafka.topics import RAW_BYTES, TopicCatalogue, require_reader, require_writer

CATALOGUE = TopicCatalogue.load()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_declared_message_exists(name: str) -> None:
    if CATALOGUE[name].message != RAW_BYTES:
        codec = CATALOGUE.codec(name)
        assert codec.decode(codec.encode(codec.message_class())) == codec.message_class()


def test_a_topic_of_raw_bytes_has_no_codec() -> None:
    raw = next(name for name, topic in CATALOGUE.items() if topic.message == RAW_BYTES)
    with pytest.raises(ValueError, match="raw bytes"):
        CATALOGUE.codec(raw)


def test_all_topics_have_equal_partition_counts() -> None:
    assert len({tuple(sorted(topic.partitions.items())) for topic in CATALOGUE.values()}) == 1


def test_compacted_topics_are_kept_for_ever() -> None:
    compacted = [topic for topic in CATALOGUE.values() if topic.compacted]
    assert compacted
    for topic in compacted:
        config = topic.config()
        assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")


def test_a_register_keeps_every_record_as_long_as_a_journal_may_point_at_it() -> None:
    lag_ms = CATALOGUE["registry.households"].config()["min.compaction.lag.ms"]
    assert lag_ms == CATALOGUE["eligibility.dedup.journal"].config()["retention.ms"]
    assert "min.compaction.lag.ms" not in CATALOGUE["eligibility.dedup.changelog"].config()


def test_retention_is_told_to_the_broker_in_milliseconds() -> None:
    assert CATALOGUE["holds.v1"].config()["retention.ms"] == str(90 * 24 * 3_600_000)


def test_a_clock_that_stood_still_for_days_keeps_the_positions_of_its_readers() -> None:
    config = CATALOGUE["clock.ticks"].config()
    assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")


def test_rights_are_those_of_the_catalogue() -> None:
    topic = CATALOGUE["deadletters"]
    require_writer("payments", topic)
    require_reader("console", topic)
    with pytest.raises(NotPermitted):
        require_writer("stranger", topic)
    with pytest.raises(NotPermitted):
        require_reader("payments", topic)


def test_what_a_principal_may_do_can_be_listed() -> None:
    assert "notices.recorded" in CATALOGUE.written_by("notify")
    assert "deadletters" in CATALOGUE.read_by("console")


def test_a_message_of_another_type_is_not_encoded() -> None:
    with pytest.raises(TypeError):
        CATALOGUE.codec("deadletters").encode(operations_pb2.ClockTick())


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"\xff", {}, "undecodable"),
        (b"", {"type": b"kyufu.events.v1.ClockTick"}, "wrong_type"),
    ],
)
def test_unreadable_records_are_invalid_with_a_reason(
    value: bytes, headers: dict[str, bytes], reason: str
) -> None:
    record = Record("deadletters", 0, 0, b"", value, headers)
    with pytest.raises(InvalidMessage) as caught:
        CATALOGUE.codec("deadletters").decode_record(record)
    assert caught.value.reason_code == reason
