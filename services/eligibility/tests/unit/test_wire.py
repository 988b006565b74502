"""Messages put together of their parts are those that protobuf itself would write."""

import pytest
from kyufu.events.v1 import common_pb2, registry_pb2

from services.eligibility.adapters.register_messages import person_of, person_value
from services.eligibility.adapters.wire import varint


@pytest.mark.parametrize(
    ("number", "wire"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (4_095, b"\xff\x1f"),
        (4_096, b"\x80\x20"),
        (-1, b"\xff" * 9 + b"\x01"),
    ],
)
def test_a_number_is_written_as_a_varint(number: int, wire: bytes) -> None:
    assert varint(number) == wire


@pytest.mark.parametrize("born_on", [0, 19800131, -1])
@pytest.mark.parametrize("died_on", [0, 20200428])
@pytest.mark.parametrize("is_head", [False, True])
def test_a_person_comes_out_as_the_register_wrote_it(
    born_on: int, died_on: int, is_head: bool
) -> None:
    message = registry_pb2.HouseholdPerson(
        resident_id=b"r" * 16,
        person_fingerprint=b"p" * 16,
        born_on=born_on,
        died_on=died_on,
        is_head=is_head,
        name_kana=common_pb2.Sealed(key_id="k" * 5_000),
    )
    person = person_of(message, name_kana=message.name_kana.SerializeToString())
    assert registry_pb2.HouseholdPerson.FromString(person_value(person)) == message
