"""The status door: its owner is told at once and in plain words, and nobody else is."""

from datetime import UTC, datetime
from typing import Any

import httpx

from services.intake.domain.applications import ApplicationId, Subject
from services.intake.domain.statuses import Decision, PaymentState, StatusFacts
from services.intake.ports import OwnedStatus
from services.intake.tests.support import SUBMIT, Rig, request_of


async def apply(
    client: httpx.AsyncClient, rig: Rig, key: str = "key-0000000000000001"
) -> dict[str, Any]:
    prepared = request_of(rig.installation, rig.installation.authority.issue(), key=key)
    response = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
    assert response.status_code == 202
    body: dict[str, Any] = response.json()
    return body


async def ask(
    client: httpx.AsyncClient, rig: Rig, accepted: dict[str, Any], client_id: str = "portal"
) -> httpx.Response:
    headers = {**rig.installation.headers(client_id), "Kyufu-Subject": accepted["subject"]}
    return await client.get(f"/v1/applications/{accepted['application_id']}", headers=headers)


async def test_ones_own_application_is_received_at_once(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    accepted = await apply(client, rig)
    response = await ask(client, rig, accepted)
    assert response.status_code == 200
    assert response.json()["status"] == "received"
    assert response.headers["cache-control"] == "no-store"


async def test_the_status_tells_amount_reasons_and_words(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    accepted = await apply(client, rig)
    application = rig.log.published[0]
    at_ms = int(datetime(2020, 5, 12, tzinfo=UTC).timestamp() * 1000)
    rig.statuses.rows[application.application_id] = OwnedStatus(
        "portal",
        Subject(bytes.fromhex(accepted["subject"])),
        StatusFacts(
            Decision.APPROVED, PaymentState.SETTLED, ("decided_separately",), 200_000, at_ms
        ),
    )
    body = (await ask(client, rig, accepted)).json()
    assert (body["status"], body["amount_yen"], body["reasons"], body["updated_at"]) == (
        "paid",
        200_000,
        ["decided_separately"],
        "2020-05-12T00:00:00+00:00",
    )
    assert set(body["message"]) == {"ja", "en"}


async def test_nobody_elses_application_is_found(client: httpx.AsyncClient, rig: Rig) -> None:
    own = await apply(client, rig)
    other = await apply(client, rig, "key-0000000000000002")
    for stolen, client_id in (
        ({**own, "subject": other["subject"]}, "portal"),
        (own, "smartphone"),
        ({**own, "application_id": "a" * 32}, "portal"),
        ({**own, "application_id": "not-an-id"}, "portal"),
    ):
        response = await ask(client, rig, stolen, client_id)
        assert (response.status_code, response.json()["code"]) == (404, "application_unknown")


async def test_the_projection_has_the_last_word_on_the_owner(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    accepted = await apply(client, rig)
    rig.statuses.rows[ApplicationId(rig.log.published[0].application_id)] = OwnedStatus(
        "portal", Subject(bytes(16)), StatusFacts(None, None, (), None, 0)
    )
    assert (await ask(client, rig, accepted)).status_code == 404


async def test_a_status_that_cannot_be_read_is_never_unknown(
    client: httpx.AsyncClient, rig: Rig
) -> None:
    accepted = await apply(client, rig)
    rig.statuses.away = True
    response = await ask(client, rig, accepted)
    assert (response.status_code, response.json()["code"]) == (503, "status_unavailable")
    assert int(response.headers["retry-after"]) > 0
