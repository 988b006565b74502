"""Any record with any bytes altered is taken or set aside; it never ends the worker.

A worker that fails on a record reads it again after its restart and fails again: one altered record
would hold up its partition for good. Records of a whole way are altered at random, and whatever a
stage makes of them goes the rest of the way.
"""

import copy
from contextlib import suppress
from functools import cache

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import reviews_pb2

from chassis.kafka.partitioner import partition_for
from chassis.sealing import UnknownSealingKey
from services.eligibility.tests.delivering import PARTITIONS, Delivery, Raw
from services.eligibility.tests.pipeline import Pipeline, Written
from services.eligibility.tests.playing import HOME
from services.eligibility.tests.town import MAY_11_MS, Form, form, home, withdrawal

HEAD, SECOND, THIRD = HOME.members
NEIGHBOURS = home(2)
INPUTS = [(stage.name, topic) for stage in Pipeline().stages for topic in stage.inputs]
ACCEPT = reviews_pb2.RESOLUTION_ACCEPT


@cache
def played_way() -> Pipeline:
    """A way on which every topic carries something."""
    pipeline = Pipeline()
    pipeline.put("registry.separations", HOME.unit, HOME.separation(SECOND))
    for each in (HEAD, SECOND):
        record = HOME.registered_account(each, "5555555")
        pipeline.put("registry.accounts", HOME.unit + each.resident_id, record)
    pipeline.register(HOME, NEIGHBOURS)
    for application in (
        form(HOME, digits="1111111", persons=(HEAD,), complete=False),
        form(HOME, key="rest", digits="1111111", persons=(THIRD,), complete=False),
        form(HOME, key="registered", payout="registered"),
        Form(SECOND, (SECOND,), digits="9999999", capacity=apps.CAPACITY_SEPARATED),
        form(NEIGHBOURS, digits="1111111"),
        form(NEIGHBOURS, key="cash", payout="cash", persons=NEIGHBOURS.members[:1]),
        form(NEIGHBOURS, key="p", applicant=NEIGHBOURS.members[1], capacity=apps.CAPACITY_PROXY),
        withdrawal(NEIGHBOURS),
    ):
        pipeline.submit(application)
        pipeline.run()
    dispute(pipeline)
    for review in pipeline.reviews():
        pipeline.resolve(review, ACCEPT)
        pipeline.run()
    pipeline.tick(MAY_11_MS)
    return pipeline.run()


def dispute(pipeline: Pipeline) -> None:
    """identify, too, asks a person."""
    record = NEIGHBOURS.credentials()[0]
    record.credential.resident_id = SECOND.resident_id
    pipeline.put("registry.credentials", NEIGHBOURS.head.credential, record)
    pipeline.run()
    pipeline.submit(form(NEIGHBOURS, key="disputed"))
    pipeline.run()


def copied(pipeline: Pipeline) -> Pipeline:
    """The same states and payments, nothing on the topics."""
    twin = Pipeline(payments=copy.deepcopy(pipeline.payments))
    for name, state in twin.states.items():
        state.values = dict(pipeline.states[name].values)
        state.logged = dict(pipeline.states[name].logged)
    return twin


def records_of(topic: str) -> list[Written]:
    return played_way().topics[topic]


def altered(value: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    """Some bytes exchanged, and the end cut off."""
    content = bytearray(value)
    for place, byte in changes:
        if content:
            content[place % len(content)] = byte
    return bytes(content[: len(content) - cut])


NUMBERS = (0, -1, 1, 77, 20200431, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))
TEXTS = ("", "x", "131016", "2020-04-27", "\x00", "ﾃ" * 100)


def fields_of(message: Message) -> list[tuple[Message, FieldDescriptor]]:
    """Every field that is set, of the message and of those within, with its owner."""
    found: list[tuple[Message, FieldDescriptor]] = []
    for descriptor, content in message.ListFields():
        found.append((message, descriptor))
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in content if descriptor.is_repeated else [content]:
                found.extend(fields_of(inner))
    return found


def exchange(owner: Message, descriptor: FieldDescriptor, choice: int) -> None:
    """Another content of the field's type, or none."""
    if descriptor.is_repeated or descriptor.type == FieldDescriptor.TYPE_MESSAGE or choice == 0:
        owner.ClearField(descriptor.name)
    elif descriptor.type == FieldDescriptor.TYPE_BYTES:
        known = getattr(owner, descriptor.name)
        content = (b"", known[:-1], known + b"x", b"x" * len(known), HOME.unit, HEAD.resident_id)
        setattr(owner, descriptor.name, content[choice % len(content)])
    elif descriptor.type == FieldDescriptor.TYPE_STRING:
        setattr(owner, descriptor.name, TEXTS[choice % len(TEXTS)])
    elif descriptor.type == FieldDescriptor.TYPE_BOOL:
        setattr(owner, descriptor.name, choice % 2 == 0)
    else:
        with suppress(ValueError):  # too large for the field's width
            setattr(owner, descriptor.name, NUMBERS[choice % len(NUMBERS)])


def take(stage: str, topic: str, key: bytes, value: bytes) -> Delivery:
    pipeline = copied(played_way())
    delivery = Delivery(pipeline, partition_for(key, PARTITIONS))
    try:
        delivery.batch(stage, [Raw(topic, key, value, 9_999, delivery.partition)])
        pipeline.run()
    except UnknownSealingKey:
        # A key that is not mounted is an error of the installation: link names it and stops.
        assert stage != "identify"
    return delivery


def test_every_input_of_every_stage_carried_something() -> None:
    assert [topic for _, topic in INPUTS if not played_way().topics.get(topic)] == []


@settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    place=st.sampled_from(INPUTS),
    number=st.integers(0, 1000),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.sampled_from((0, 0, 0, 1, 20)),
)
def test_an_altered_record_is_taken_or_set_aside(
    place: tuple[str, str], number: int, changes: list[tuple[int, int]], cut: int
) -> None:
    stage, topic = place
    records = records_of(topic)
    record = records[number % len(records)]
    value = altered(record.message.SerializeToString(), changes, cut)
    take(stage, topic, record.key, value)


@settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    place=st.sampled_from(INPUTS),
    number=st.integers(0, 1000),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 9)), min_size=1, max_size=3),
)
def test_a_record_with_other_contents_of_its_fields_is_taken_or_set_aside(
    place: tuple[str, str], number: int, changes: list[tuple[int, int]]
) -> None:
    stage, topic = place
    records = records_of(topic)
    record = records[number % len(records)]
    message = copy.deepcopy(record.message)
    for which, choice in changes:
        fields = fields_of(message)
        if fields:
            exchange(*fields[which % len(fields)], choice)
    take(stage, topic, record.key, message.SerializeToString())
