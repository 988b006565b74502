"""The published document is true: to OpenAPI, to the routes, and to real answers."""

import json
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from services.intake.domain.refusals import Code
from services.intake.entrypoints import openapi
from services.intake.entrypoints.problems import PROBLEMS, HttpCode
from services.intake.tests.support import SUBMIT, Rig, form, request_of

DOCUMENT: dict[str, Any] = json.loads(openapi.DOCUMENT)


def conforms(instance: object, schema: dict[str, Any]) -> None:
    rooted = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(rooted).validate(instance)


def answer_schema(path: str, method: str, response: httpx.Response) -> dict[str, Any]:
    described = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]
    schema: dict[str, Any] = described["content"][response.headers["content-type"]]["schema"]
    return schema


def test_the_document_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/openapi.json")).json() == DOCUMENT


def test_every_route_is_described_and_nothing_else(rig: Rig) -> None:
    routes = {
        (route.path, method.lower())
        for route in rig.app().routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert routes == described


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(PROBLEMS) == {*Code, *HttpCode}


@pytest.mark.parametrize(
    "body",
    [
        form(),
        form(contact=None),
        form(payout={"kind": "cash"}),
        form(payout={"kind": "registered_account"}),
        {"intent": "withdraw", "language": "ja"},
    ],
)
async def test_bodies_that_are_accepted_conform_to_the_published_form(
    client: httpx.AsyncClient, rig: Rig, body: dict[str, Any]
) -> None:
    prepared = request_of(rig.installation, rig.installation.authority.issue(), body=body)
    response = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
    assert response.status_code == 202, response.text
    conforms(body, {"$ref": "#/components/schemas/Form"})
    conforms(response.json(), answer_schema(openapi.SUBMIT_PATH, "post", response))


@pytest.mark.parametrize(
    "body",
    [
        form(intent="nothing"),
        form(persons=[]),
        form(payout={"kind": "gold"}),
        form(language="ja_JP"),
        {**form(), "unknown": 1},
        {"intent": "withdraw"},
    ],
)
async def test_bodies_that_the_document_forbids_are_refused_as_it_says(
    client: httpx.AsyncClient, rig: Rig, body: dict[str, Any]
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        conforms(body, {"$ref": "#/components/schemas/Form"})
    prepared = request_of(rig.installation, rig.installation.authority.issue(), body=body)
    response = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
    assert response.status_code == 422
    conforms(response.json(), answer_schema(openapi.SUBMIT_PATH, "post", response))


async def test_the_status_conforms(client: httpx.AsyncClient, rig: Rig) -> None:
    prepared = request_of(rig.installation, rig.installation.authority.issue())
    accepted = await client.post(SUBMIT, content=prepared.content, headers=prepared.headers)
    headers = {**rig.installation.headers(), "Kyufu-Subject": accepted.json()["subject"]}
    response = await client.get(accepted.headers["location"], headers=headers)
    conforms(response.json(), answer_schema(openapi.STATUS_PATH, "get", response))
    response = await client.get(f"/v1/applications/{'a' * 32}", headers=headers)
    conforms(response.json(), answer_schema(openapi.STATUS_PATH, "get", response))


@pytest.mark.parametrize("path", [openapi.LIVE_PATH, openapi.READY_PATH])
async def test_health_conforms(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    conforms(response.json(), answer_schema(path, "get", response))
