"""The citizen, as a Locust user: applies, tries again when told to wait, and looks at the status.

One user is one scheduler: it starts a greenlet for each arrival and waits for none of them. The
times that Locust shows are counted from the intended start of each arrival.
"""

import json
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import gevent
from gevent.pool import Pool
from geventhttpclient import HTTPClient
from locust import User, constant, events, task

from loadtests.applicants import Applicant, read_applicants, read_tokens
from loadtests.arrivals import poisson_starts, steady
from loadtests.history import History

# Beyond this many citizens at once the generator, not the system, would be measured: the arrival is
# counted as a failure of its own name.
CITIZENS_MAX: Final = 5_000
CONNECTIONS_MAX: Final = 256
TIMEOUT_S: Final = 30.0
TRIES_MAX: Final = 8
PAUSE_FIRST_S: Final = 0.5
ACCEPTED: Final = 202
TRIED_AGAIN: Final = frozenset({0, 429, 500, 502, 503, 504})


def add_options(parser: Any) -> None:
    """Options of the Locust command line; `python -m loadtests` sets the same."""
    parser.add_argument("--population", required=True, help="JSONL of applicants")
    parser.add_argument("--secrets", required=True, help="folder of secrets, for client tokens")
    parser.add_argument("--rate", type=float, default=20.0, help="arrivals per second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long people arrive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="var/loadtests", help="folder for history.jsonl")


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]


class Citizens(User):
    """All citizens of one process, dispatched by one scheduler."""

    fixed_count = 1
    wait_time = constant(0)

    def on_start(self) -> None:
        """Read the population and open the way to intake."""
        options = self.environment.parsed_options
        out = Path(options.out)
        out.mkdir(parents=True, exist_ok=True)
        self._rng = Random(options.seed)
        self._run = f"{options.seed:x}-{time.time_ns():x}"
        self._tokens = read_tokens(Path(options.secrets))
        self._applicants = read_applicants(Path(options.population), self._rng)
        self._history = History(out / "history.jsonl")
        self._pool = Pool(CITIZENS_MAX)
        self._http = HTTPClient.from_url(
            self.host or "",
            concurrency=CONNECTIONS_MAX,
            connection_timeout=TIMEOUT_S,
            network_timeout=TIMEOUT_S,
        )

    @task
    def open_the_doors(self) -> None:
        """Start each arrival at its time; end the run after the last answer."""
        options = self.environment.parsed_options
        starts = poisson_starts(
            steady(options.rate),
            highest_per_s=options.rate,
            seconds=options.seconds,
            rng=Random(options.seed),
        )
        began_s = time.monotonic()
        for number, (start_s, applicant) in enumerate(zip(starts, self._applicants, strict=False)):
            intended_s = began_s + start_s
            gevent.sleep(max(0.0, intended_s - time.monotonic()))
            if self._pool.full():
                self._report("generator full", "apply", intended_s, "too many citizens at once")
            else:
                self._pool.spawn(self._apply, applicant, f"load-{self._run}-{number}", intended_s)
        self._pool.join()
        self._http.close()
        self._history.close()
        self.environment.runner.quit()

    def _apply(self, applicant: Applicant, key: str, intended_s: float) -> None:
        token = self._tokens[applicant.client_id]
        pause_s = PAUSE_FIRST_S
        status = 0
        answer: dict[str, Any] = {}
        for _ in range(TRIES_MAX):
            status, answer, wait_s = self._send(
                "POST", applicant.path, applicant.headers(key, token), applicant.body
            )
            self._history.note(applicant, key, status, answer)
            if status not in TRIED_AGAIN:
                break
            gevent.sleep(max(wait_s, pause_s * self._rng.uniform(0.5, 1.5)))
            pause_s *= 2
        failure = None if status == ACCEPTED else f"{status} {answer.get('code')}"
        self._report("POST", "apply", intended_s, failure)
        if status == ACCEPTED:
            self._look(answer, token)

    def _look(self, accepted: dict[str, Any], token: str) -> None:
        started_s = time.monotonic()
        headers = {"Authorization": f"Bearer {token}", "Kyufu-Subject": accepted["subject"]}
        path = f"/v1/applications/{accepted['application_id']}"
        status, answer, _ = self._send("GET", path, headers, b"")
        failure = None if status == 200 else f"{status} {answer.get('code')}"
        self._report("GET", "status", started_s, failure)

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any], float]:
        """Status (0: no answer), decoded answer, and the seconds that Retry-After asks for."""
        try:
            response: Any = self._http.request(method, path, body=body, headers=headers)
            content = response.read()
            wait_s = float(response.get("retry-after") or 0.0)
            answer = json.loads(content)
        except (OSError, ValueError):
            return 0, {}, 0.0
        return response.status_code, answer if isinstance(answer, dict) else {}, wait_s

    def _report(self, method: str, name: str, intended_s: float, failure: str | None) -> None:
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=(time.monotonic() - intended_s) * 1_000,
            response_length=0,
            exception=RuntimeError(failure) if failure else None,
            context={},
        )
