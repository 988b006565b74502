"""The HTTP door with the real app: what is answered, and what an answer never says."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from chassis.ids import is_receipt_number
from services.intake.entrypoints.bodies import BODY_BYTES_MAX
from services.intake.ports import NotPublished
from services.intake.tests.support import SUBMIT, TOWN, Rig, encoded, form, request_of

CANARY = "canary-5f2b"


async def post(
    client: httpx.AsyncClient, rig: Rig, *, without: str | None = None, **request: Any
) -> httpx.Response:
    prepared = request_of(rig.installation, rig.installation.authority.issue(), **request)
    headers = {name: value for name, value in prepared.headers.items() if name != without}
    return await client.post(SUBMIT, content=prepared.content, headers=headers)


def code_of(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:kyufu:problem:{problem['code']}"
    return str(problem["code"])


async def test_an_accepted_application_is_published_and_answered_202(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    response = await post(client, rig)
    assert response.status_code == 202
    body = response.json()
    assert is_receipt_number(body["receipt_number"])
    assert body["status"] == "received"
    assert response.headers["location"] == f"/v1/applications/{body['application_id']}"
    assert response.headers["cache-control"] == "no-store"
    assert [a.receipt_number for a in rig.log.published] == [body["receipt_number"]]


async def test_the_same_key_and_body_get_the_same_answer(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    prepared = request_of(rig.installation, rig.installation.authority.issue())
    answers = [
        await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
        for _ in range(3)
    ]
    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {202}


async def test_another_body_under_the_same_key_is_refused(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    card = rig.installation.authority.issue()
    for body, expected in ((form(), 202), (form(language="en"), 422)):
        prepared = request_of(rig.installation, card, body=body)
        response = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
        assert response.status_code == expected
    assert code_of(response) == "idempotency_key_reused"
    assert len(rig.log.published) == 1


async def test_another_card_under_the_same_key_is_refused(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    assert (await post(client, rig)).status_code == 202
    assert code_of(await post(client, rig)) == "idempotency_key_reused"


async def test_one_key_at_two_clients_is_two_applications(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    card = rig.installation.authority.issue()
    answers = []
    for client_id in ("portal", "smartphone"):
        prepared = request_of(rig.installation, card, client_id=client_id)
        response = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
        answers.append(response.json())
    assert answers[0]["application_id"] != answers[1]["application_id"]
    assert answers[0]["subject"] != answers[1]["subject"]


@pytest.mark.parametrize(
    ("overloaded", "expected"), [(True, "overloaded"), (False, "broker_unavailable")]
)
async def test_without_the_brokers_answer_there_is_no_202(
    client: httpx.AsyncClient, rig: Rig, overloaded: bool, expected: str
) -> None:
    rig.log.failure = NotPublished(overloaded=overloaded)
    response = await post(client, rig)
    assert response.status_code == 503
    assert code_of(response) == expected
    assert int(response.headers["retry-after"]) > 0


async def test_applications_are_taken_while_the_idempotency_table_is_away(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    rig.ledger.away = True
    assert (await post(client, rig)).status_code == 202


async def test_a_failure_nobody_expected_is_a_problem_without_details(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    rig.log.error = RuntimeError(CANARY)
    response = await post(client, rig)
    assert response.status_code == 500
    assert code_of(response) == "internal_error"
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [
        ("Authorization", 401, "token_missing"),
        ("Idempotency-Key", 400, "idempotency_key_invalid"),
        ("Kyufu-Credential", 400, "credential_missing"),
        ("Content-Type", 415, "media_type_unsupported"),
    ],
)
async def test_each_header_is_required(
    client: httpx.AsyncClient, rig: Rig, header: str, status: int, expected: str
) -> None:
    response = await post(client, rig, without=header)
    assert (response.status_code, code_of(response)) == (status, expected)


@pytest.mark.parametrize(
    ("key", "status"),
    [("k" * 15, 400), ("k" * 16, 202), ("k" * 64, 202), ("k" * 65, 400), ("k" * 15 + "!", 400)],
)
async def test_a_key_has_16_to_64_characters(
    client: httpx.AsyncClient, rig: Rig, key: str, status: int
) -> None:
    assert (await post(client, rig, key=key)).status_code == status


async def test_a_stranger_with_a_token_of_nobody_is_refused(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    prepared = request_of(rig.installation, rig.installation.authority.issue())
    headers = {**prepared.headers, "Authorization": f"Bearer {CANARY}"}
    response = await client.post(SUBMIT, content=prepared.content, headers=headers)
    assert (response.status_code, code_of(response)) == (401, "token_unknown")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_client_without_the_scope_may_not_apply(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    response = await post(client, rig, client_id="onlooker")
    assert (response.status_code, code_of(response)) == (403, "scope_missing")


async def test_a_paper_client_applies_with_a_form_number(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    prepared = request_of(
        rig.installation, rig.installation.authority.issue(), client_id=f"paper-{TOWN}"
    )
    credential = encoded({"kind": "paper", "form_number": "F-1"})
    headers = {**prepared.headers, "Kyufu-Credential": credential}
    response = await client.post(SUBMIT, content=prepared.content, headers=headers)
    assert response.status_code == 202
    assert rig.log.published[0].channel == "paper"


async def test_an_unknown_programme_is_not_found(client: httpx.AsyncClient, rig: Rig) -> None:
    prepared = request_of(rig.installation, rig.installation.authority.issue())
    path = f"/v1/programmes/{CANARY}/applications"
    response = await client.post(path, content=prepared.content, headers=prepared.headers)
    assert (response.status_code, code_of(response)) == (404, "programme_unknown")
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("size_bytes", "status"), [(BODY_BYTES_MAX, 400), (BODY_BYTES_MAX + 1, 413), (10_000_000, 413)]
)
async def test_a_body_is_at_most_64_kib(
    client: httpx.AsyncClient, rig: Rig, size_bytes: int, status: int
) -> None:
    response = await post(client, rig, body=b"x" * size_bytes)
    assert response.status_code == status


BAD_FORMS: tuple[dict[str, Any], ...] = (
    form(persons=[{"name_kana": CANARY + "試験", "born_on": "1980-01-31"}]),
    form(persons=[{"name_kana": "テスト", "born_on": CANARY}]),
    form(persons=[{"name_kana": "テスト\x00" + CANARY, "born_on": "1980-01-31"}]),
    form(intent=CANARY),
    form(capacity=CANARY),
    form(language=CANARY + "-" * 9),
    form(payout={**form()["payout"], "account_number": CANARY}),
    form(payout={"kind": CANARY}),
    form(contact={"email": CANARY}),
    {**form(), CANARY: 1},
    {**form(), f"x - at `$.{CANARY}": 1},
)


@pytest.mark.parametrize("body", BAD_FORMS, ids=range(len(BAD_FORMS)))
async def test_a_refusal_names_the_field_and_never_the_value(
    client: httpx.AsyncClient, rig: Rig, body: dict[str, Any]
) -> None:
    response = await post(client, rig, body=body)
    assert response.status_code == 422
    assert code_of(response) == "form_invalid"
    assert response.json()["errors"]
    assert CANARY not in response.text
    assert not rig.log.published


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", SUBMIT, 405), ("GET", "/v1/openapi.json/", 404)],
)
async def test_wrong_addresses_and_methods_are_problems_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    code_of(response)


async def test_a_thousand_registrations_in_one_frozen_moment_get_distinct_ids(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    """2020: the subsidy site gave firms that registered in the same moment one id."""
    card = rig.installation.authority.issue()
    requests = [
        request_of(rig.installation, card, key=f"key-{number:016d}") for number in range(1_000)
    ]
    answers = await asyncio.gather(
        *(client.post(SUBMIT, content=r.content, headers=r.headers) for r in requests)
    )
    bodies = [json.loads(answer.content) for answer in answers]
    assert len({body["application_id"] for body in bodies}) == 1_000
    assert len({body["receipt_number"] for body in bodies}) == 1_000


async def test_requests_are_counted_by_outcome_and_carry_no_person(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    await post(client, rig)
    await post(client, rig, body=form(intent="nothing"))
    value = rig.metrics.registry.get_sample_value
    for code in ("accepted", "form_invalid"):
        labels = {"route": "submit", "code": code}
        assert value("kyufu_intake_requests_total", labels) == 1
    assert value("kyufu_intake_in_flight_requests") == 0
