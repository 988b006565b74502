"""Citizen frontends: post the population's applications over HTTP and keep the client's history.

The history is what a stranger could have written down: each attempt with its key and answer, one
JSON line each, before anything of the system is believed. Attempts of one scenario go out in order;
a 503, or an answer that never came, is retried with the same Idempotency-Key, as a frontend must.
"""

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO

import aiohttp

from simulators.cards import NONCE_BYTES, Card, base64url
from simulators.population.plan import PROGRAMME, Attempt, Scenario

CONNECTIONS_MAX = 64
RETRIES_MAX = 60
RETRY_PAUSE_S = 0.5
REQUEST_TIMEOUT_S = 30.0
ACCEPTED = 202
FIRST_ERROR_STATUS = 400
RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})


class GaveUp(RuntimeError):
    """An attempt found no answer within its retries: the play cannot go on honestly."""


@dataclass(slots=True)
class Tally:
    """Counts for the progress display and the report."""

    attempted: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    accepted_ids: set[str] = field(default_factory=set)
    ids_by_scenario: dict[int, list[str]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)


class Frontends:
    """All simulated frontends in one process, each with its own client token."""

    def __init__(
        self, *, base_url: str, tokens: Mapping[str, str], history: Path, seed: int
    ) -> None:
        self.tally = Tally()
        self._url = f"{base_url}/v1/programmes/{PROGRAMME}/applications"
        self._tokens = tokens
        self._history_path = history
        self._rng = Random(seed ^ 0x5EED)

    async def play(
        self, work: Iterable[tuple[Scenario, list[Attempt]]], on_progress: Callable[[], None]
    ) -> None:
        """Sends all attempts, CONNECTIONS_MAX scenarios at a time.

        Raises:
            GaveUp: when an attempt was not answered within RETRIES_MAX tries.
        """
        waiting = iter(work)
        with self._history_path.open("a", encoding="utf-8") as history:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                asyncio.TaskGroup() as group,
            ):

                async def citizen() -> None:
                    for scenario, attempts in waiting:
                        for attempt in attempts:
                            await self._send(session, scenario, attempt, history)
                        on_progress()

                for _ in range(CONNECTIONS_MAX):
                    group.create_task(citizen())

    async def _send(
        self,
        session: aiohttp.ClientSession,
        scenario: Scenario,
        attempt: Attempt,
        history: IO[str],
    ) -> None:
        body = json.dumps(attempt.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Authorization": f"Bearer {self._tokens[attempt.client_id]}",
            "Content-Type": "application/json",
            "Idempotency-Key": attempt.idempotency_key,
            "Kyufu-Credential": self._credential(attempt, body),
        }
        for _ in range(RETRIES_MAX):
            status, answer = await self._post(session, headers, body)
            self._note(history, attempt, body, status, answer)
            if status and status not in RETRIED_STATUS:
                self._count(scenario, attempt, status, answer)
                return
            await asyncio.sleep(RETRY_PAUSE_S)
        raise GaveUp(f"no answer to {attempt.label} after {RETRIES_MAX} tries, last {status}")

    async def _post(
        self, session: aiohttp.ClientSession, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, object]]:
        try:
            async with session.post(self._url, data=body, headers=headers) as response:
                answer = await response.json(content_type=None)
                return response.status, answer if isinstance(answer, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError):
            # No answer that can be read: nobody knows whether it was accepted, so ask again.
            return 0, {}

    def _credential(self, attempt: Attempt, body: bytes) -> str:
        if isinstance(attempt.credential, Card):
            return attempt.credential.credential(
                programme=PROGRAMME,
                idempotency_key=attempt.idempotency_key,
                body=body,
                nonce=self._rng.randbytes(NONCE_BYTES),
            )
        content = {"kind": "paper", "form_number": attempt.credential.form_number}
        return base64url(json.dumps(content).encode())

    def _note(
        self,
        history: IO[str],
        attempt: Attempt,
        body: bytes,
        status: int,
        answer: dict[str, object],
    ) -> None:
        line = {
            "t": round(time.time(), 3),
            "scenario": attempt.scenario_id,
            "label": attempt.label,
            "phase": attempt.phase.value,
            "client_id": attempt.client_id,
            "programme": PROGRAMME,
            "key": attempt.idempotency_key,
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "expected_status": attempt.expected_status,
            "status": status,
            "application_id": answer.get("application_id"),
            "receipt_number": answer.get("receipt_number"),
            "subject": answer.get("subject"),
            "code": answer.get("code"),
            "error_body": answer if status >= FIRST_ERROR_STATUS else None,
        }
        history.write(json.dumps(line) + "\n")

    def _count(
        self, scenario: Scenario, attempt: Attempt, status: int, answer: dict[str, object]
    ) -> None:
        tally = self.tally
        tally.attempted += 1
        tally.statuses[status] += 1
        if status == ACCEPTED:
            application_id = str(answer["application_id"])
            if application_id not in tally.accepted_ids:
                tally.accepted_ids.add(application_id)
                tally.ids_by_scenario.setdefault(scenario.scenario_id, []).append(application_id)
        if status != attempt.expected_status:
            code = answer.get("code")
            tally.unexpected.append(
                f"scenario {scenario.scenario_id} {attempt.label}: "
                f"{status} {code}, expected {attempt.expected_status}"
            )
