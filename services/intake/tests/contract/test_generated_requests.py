"""Requests generated from the published document: no server error, no answer that it does not know.

No generated credential signs its request, so nothing is accepted here; what is under test is that
every refusal is one that the document promises.
"""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.intake.entrypoints import openapi
from services.intake.tests.support import Installation, Rig

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES_MAX = 60


@pytest.fixture
def api(installation: Installation) -> schemathesis.BaseSchema:
    """The document as the app serves it, bound to the app."""
    return schemathesis.openapi.from_asgi("/v1/openapi.json", Rig(installation).app())


@pytest.mark.parametrize(
    ("path", "method"), [(openapi.SUBMIT_PATH, "POST"), (openapi.STATUS_PATH, "GET")]
)
def test_every_answer_is_one_that_the_document_promises(
    api: Any, installation: Installation, path: str, method: str
) -> None:
    answers: Counter[int] = Counter()

    @seed(20200511)
    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy())
    def play(case: Any) -> None:
        response = case.call(headers=installation.headers())
        answers[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    play()
    assert answers.total() >= EXAMPLES_MAX
    assert max(answers) < 500
