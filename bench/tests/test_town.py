"""The synthetic nation: what it says it will come to is what the rules make of it."""

from collections import Counter
from pathlib import Path

import pytest
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import registry_pb2

from bench.tests.whole_core import WholeCore
from bench.town import REGISTERS, Town, TownKeys, TownPlan
from bench.town.mix import CYCLE, SIZES
from bench.town.records import partition_of
from chassis.ids import claim_unit_id
from chassis.kafka.partitioner import partition_for
from chassis.kafka.records import OutgoingRecord
from chassis.sealing import Opener
from jpbank.branches import branch_exists
from services.eligibility.adapters.register_topics import RegisterTopic

KEYS = TownKeys.generate()
YEN_PER_PERSON = 100_000


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("seed", [1, 2020])
def test_the_core_comes_to_exactly_the_outcomes_that_a_town_expects(
    tmp_path: Path, extended: bool, seed: int
) -> None:
    town = Town(TownPlan(3_000, seed, extended=extended, partitions=1), KEYS)
    core = WholeCore(KEYS, tmp_path)
    core.take(town.early()).take(town.registers()).take(town.applications())
    expected = town.expected()
    assert core.outcomes == expected.outcomes
    assert core.approved_yen == expected.approved_persons * YEN_PER_PERSON
    waiting = sum(n for (_, outcome, _), n in expected.outcomes.items() if outcome == "WAITING")
    assert core.reviews == waiting


def test_a_town_without_defects_and_duplicates_is_approved_whole(tmp_path: Path) -> None:
    town = Town(TownPlan(500, 3, duplicate_share=0.0, defects=False, partitions=1), KEYS)
    core = WholeCore(KEYS, tmp_path).take(town.registers()).take(town.applications())
    assert core.outcomes == {("DECIDE", "APPROVED", ""): 500} == town.expected().outcomes


def test_whole_cycles_are_counted_like_single_households() -> None:
    for households in (CYCLE, 2 * CYCLE + 77):
        town = Town(TownPlan(households, 5, extended=True), KEYS)
        sent = sum(1 for _ in town.early()) + sum(1 for _ in town.applications())
        assert sent == town.expected().applications


def test_households_have_the_sizes_of_japan_in_2020() -> None:
    assert sum(SIZES.values()) == CYCLE
    persons = Town(TownPlan(CYCLE, 1), KEYS).expected().persons
    assert persons / CYCLE == pytest.approx(126.7 / 59.15, abs=0.001)


def test_the_same_seed_is_the_same_bytes_and_another_seed_another_town() -> None:
    def records(seed: int) -> list[bytes]:
        town = Town(TownPlan(300, seed, extended=True), KEYS)
        return [each.value for each in (*town.registers(), *town.applications())]

    assert records(1) == records(1)
    assert not set(records(1)) & set(records(2)) - _closing_values()


def _closing_values() -> set[bytes]:
    town = Town(TownPlan(300, 1, extended=True), KEYS)
    return {
        each.value
        for each in town.registers()
        if registry_pb2.RegistryRecord.FromString(each.value).HasField("complete")
    }


def test_no_nonce_is_used_twice_under_a_data_key() -> None:
    town = Town(TownPlan(2_000, 9, extended=True), KEYS)
    seen: Counter[tuple[int, bytes]] = Counter()
    for record in town.register("households"):
        message = registry_pb2.RegistryRecord.FromString(record.value)
        for person in message.household.persons:
            seen[person.name_kana.purpose, person.name_kana.nonce] += 1
    for record in town.register("accounts"):
        message = registry_pb2.RegistryRecord.FromString(record.value)
        if message.HasField("account"):
            sealed = message.account.account.account
            seen[sealed.purpose, sealed.nonce] += 1
    for record in (*town.early(), *town.applications()):
        form = apps.ApplicationSubmitted.FromString(record.value)
        seen[form.contact.purpose, form.contact.nonce] += 1
        if form.HasField("account"):
            seen[form.account.account.purpose, form.account.account.nonce] += 1
    assert max(seen.values()) == 1


def test_sealed_values_open_for_their_owners_and_hold_sound_accounts() -> None:
    town = Town(TownPlan(200, 4, duplicate_share=0.0, defects=False), KEYS)
    opener = Opener(KEYS.private)
    for record in town.applications():
        form = apps.ApplicationSubmitted.FromString(record.value)
        plain = opener.open(
            form.account.account,
            owner_kind="application",
            owner_id=form.application_id,
            field="account",
        )
        digits = plain[:15].decode("ascii")
        assert branch_exists(digits[:4], digits[4:7])
        assert record.key == form.credential_fingerprint


class _Kept:
    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []

    def produce_batch(self, records: list[OutgoingRecord]) -> None:
        self.records.extend(records)


@pytest.mark.parametrize("register", REGISTERS)
def test_registers_lie_under_the_keys_and_on_the_partitions_of_the_importer(register: str) -> None:
    town = Town(TownPlan(2_000, 8, extended=True, partitions=4), KEYS)
    written = [
        (each, registry_pb2.RegistryRecord.FromString(each.value))
        for each in town.register(register)
    ]
    kept = _Kept()
    topic = RegisterTopic(kept, register, 4, snapshot_id="2020-04-27", version=1)  # type: ignore[arg-type]
    topic.write([(each.key, message) for each, message in written if not _closes(message)])
    topic.complete(register)
    assert [
        (each.topic, each.key, message, _home(each.key, each.partition))
        for each, message in written
    ] == [
        (each.topic, each.key, each.value, _home(each.key, each.partition)) for each in kept.records
    ]


def _closes(message: registry_pb2.RegistryRecord) -> bool:
    return message.HasField("complete")


def _home(key: bytes, partition: int | None) -> int:
    return partition_for(key, 4) if partition is None else partition


def test_claim_units_follow_from_households() -> None:
    for record in Town(TownPlan(50, 1), KEYS).register("households"):
        message = registry_pb2.RegistryRecord.FromString(record.value)
        if not _closes(message):
            household = message.household
            assert record.key == claim_unit_id(message.snapshot_id, household.household_id)


def test_the_fast_partitioner_is_the_partitioner() -> None:
    for number in range(2_000):
        key = claim_unit_id("x", number.to_bytes(16, "big"))
        assert partition_of(key, 12) == partition_for(key, 12)
        assert partition_of(key + b"abc", 12) == partition_for(key + b"abc", 12)
