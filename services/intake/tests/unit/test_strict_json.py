"""JSON that two readers could read differently is not read at all."""

import json

import pytest

from services.intake.domain.forms import PERSONS_MAX, Form
from services.intake.entrypoints import strict_json
from services.intake.tests.support import form


def defect(body: bytes) -> tuple[str, str]:
    with pytest.raises(strict_json.BadValue) as raised:
        strict_json.decode(body, Form)
    return raised.value.error.field, raised.value.error.code.value


def changed(**changes: object) -> bytes:
    return json.dumps(form(**changes)).encode()


def test_a_faultless_form_is_decoded() -> None:
    assert strict_json.decode(changed(), Form).language == "ja"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1",
        b"{} {}",
        b"NaN",
        b'{"a": Infinity}',
        b"1" * 6_000,
        b"\xff\xfe",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"intent": "\xed\xa0\x80"}',
    ],
    ids=[
        "empty",
        "open",
        "array",
        "two",
        "nan",
        "infinity",
        "digits",
        "latin",
        "utf16",
        "bom",
        "wtf8",
    ],
)
def test_bytes_that_are_not_one_json_document_are_refused(body: bytes) -> None:
    with pytest.raises(strict_json.NotJson):
        strict_json.decode(body, Form)


@pytest.mark.parametrize(
    "body",
    [
        b'{"intent": "apply", "intent": "withdraw"}',
        b'{"payout": {"kind": "cash", "kind": "yucho"}}',
    ],
    ids=["top", "nested"],
)
def test_a_key_given_twice_is_refused(body: bytes) -> None:
    assert defect(body) == ("(body)", "duplicate_field")


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\u202e", "\x85"])
def test_control_characters_and_lone_surrogates_are_refused(text: str) -> None:
    people = [{"name_kana": f"テスト{text}", "born_on": "1980-01-31"}]
    assert defect(changed(persons=people)) == ("persons[0].name_kana", "bad_character")


@pytest.mark.parametrize("depth", [strict_json.DEPTH_MAX + 2, 25_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert defect(b"[" * depth + b"]" * depth) == ("(body)", "too_deep")


def test_nesting_up_to_the_bound_is_judged_by_its_shape() -> None:
    depth = strict_json.DEPTH_MAX + 1
    assert defect(b"[" * depth + b"]" * depth) == ("(body)", "wrong_type")


def test_more_values_than_a_form_has_are_refused() -> None:
    assert defect(json.dumps([0] * (strict_json.VALUES_MAX + 1)).encode()) == ("(body)", "too_long")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"intent": "canary"}, ("intent", "unknown_value")),
        ({"intent": 1}, ("intent", "wrong_type")),
        ({"intent": None}, ("intent", "required")),
        ({"persons": None}, ("persons", "required")),
        ({"persons": []}, ("persons", "too_short")),
        ({"persons": [form()["persons"][0]] * (PERSONS_MAX + 1)}, ("persons", "too_long")),
        ({"persons": [{"born_on": "1980-01-31"}]}, ("persons[0].name_kana", "required")),
        ({"persons": [{"name_kana": "ア" * 65, "born_on": "1980-01-31"}]},
         ("persons[0].name_kana", "too_long")),
        ({"persons": [{"name_kana": "", "born_on": "1980-01-31"}]},
         ("persons[0].name_kana", "too_short")),
        ({"persons": [{"name_kana": "ア", "born_on": "1980-02-30"}]},
         ("persons[0].born_on", "not_a_date")),
        ({"persons": [{"name_kana": "ア", "born_on": 19800131}]},
         ("persons[0].born_on", "wrong_type")),
        ({"persons": [{"name_kana": "ア", "born_on": "1980-01-31", "canary": 1}]},
         ("persons[0]", "unknown_field")),
        ({"language": "ja_JP"}, ("language", "bad_format")),
        ({"payout": {"kind": "gold"}}, ("payout.kind", "unknown_value")),
        ({"payout": {}}, ("payout.kind", "required")),
        ({"canary": 1}, ("(body)", "unknown_field")),
        ({"x - at `$.canary": 1}, ("(body)", "unknown_field")),
        ({"persons_complete": "yes"}, ("persons_complete", "wrong_type")),
    ],
)  # fmt: skip
def test_each_wrong_shape_is_named_by_field_and_code(
    changes: dict[str, object], expected: tuple[str, str]
) -> None:
    assert defect(changed(**changes)) == expected


@pytest.mark.parametrize("document", [b"[]", b"null", b"3", b'"text"'])
def test_a_document_that_is_no_object_is_refused(document: bytes) -> None:
    assert defect(document) == ("(body)", "wrong_type")
