"""The play: a synthetic town applies, staff decide, the bank pays, everything is checked.

Each station is reached through the same doors as in the field: HTTP for citizens, gRPC with signed
tokens for staff, files for the bank. The story only waits for what can be seen from outside.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import uvloop
from kyufu.events.v1 import registry_pb2

from chassis.clock import Clock
from devstack.watch import Watch, wait_until
from simulators.frontends import Frontends, Tally
from simulators.population.plan import Attempt, Phase, Scenario, StaffAnswer
from simulators.population.world import World
from simulators.staff import Staff

SNAPSHOT = "2020-04-27"
REGISTERS = (
    (registry_pb2.REGISTER_HOUSEHOLDS, "households.csv"),
    (registry_pb2.REGISTER_ACCOUNTS, "accounts.csv"),
    (registry_pb2.REGISTER_SEPARATIONS, "separations.csv"),
    # Last: identify lets applications pass once it knows their credentials.
    (registry_pb2.REGISTER_CREDENTIALS, "credentials.csv"),
)
DECISIONS_DEADLINE_S = 120.0
PER_HOUSEHOLD_S = 0.05
REVIEWS_DEADLINE_S = 60.0
NOTICES_DEADLINE_S = 120.0
SHOW_EVERY_S = 0.5


class Stage(Protocol):
    """What the story needs of the terminal and the supervisor."""

    def step(self, name: str) -> None: ...
    def counts(self, **values: int) -> None: ...
    def kill_once(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses and folders of one run."""

    run_dir: Path
    secrets_dir: Path
    intake_url: str
    console_address: str
    notify_address: str
    kafka_bootstrap: str
    tokens: dict[str, str]
    clock: Clock
    seed: int


@dataclass(slots=True)
class Played:
    """What the play did and saw; the report is written from it and from the outside checker."""

    world: World
    tally: Tally
    watch: Watch
    import_errors: int = 0
    held_records: int = 0
    notices: dict[str, int] = field(default_factory=dict)
    timings_s: dict[str, float] = field(default_factory=dict)


class Story:
    """One programme from its registers to its last notice."""

    def __init__(self, place: Place, world: World, stage: Stage) -> None:
        self._place = place
        self._world = world
        self._stage = stage
        self._staff = Staff(
            console_address=place.console_address,
            notify_address=place.notify_address,
            secrets=place.secrets_dir,
            clock=place.clock,
        )
        self._frontends = Frontends(
            base_url=place.intake_url,
            tokens=place.tokens,
            history=place.run_dir / "history.jsonl",
            seed=place.seed,
        )
        self._watch = Watch(place.kafka_bootstrap)
        self._played = Played(world, self._frontends.tally, self._watch)
        self._shown_s = 0.0
        households = sum(1 for _ in world.households)
        self._deadline_s = DECISIONS_DEADLINE_S + PER_HOUSEHOLD_S * households

    def play(self) -> Played:
        """All stations in order; raises NotSettled, GaveUp or RpcFailure when one fails."""
        started = time.monotonic()
        self._timed("registers", "registers of the base date", self._import_registers)
        applying = time.monotonic()
        self._timed("applications", "applications over HTTP", self._apply)
        self._timed("decisions", "decisions", self._decide)
        self._timed("reviews", "reviews by case workers", self._review)
        self._timed("bank", "bank files, approval, bank", self._pay)
        self._timed("late", "late corrections", self._apply_late)
        self._timed("notices", "notices", self._notices)
        now = time.monotonic()
        self._played.timings_s["applying"] = now - applying
        self._played.timings_s["play"] = now - started
        return self._played

    def close(self) -> None:
        self._staff.close()
        self._watch.close()

    def _timed(self, key: str, name: str, work: Callable[[], None]) -> None:
        self._stage.step(name)
        started = time.monotonic()
        work()
        self._played.timings_s[key] = time.monotonic() - started

    def _import_registers(self) -> None:
        folder = self._place.run_dir / "registers"
        for register, name in REGISTERS:
            answer = self._staff.import_register(register, folder / name, snapshot_id=SNAPSHOT)
            self._played.import_errors += answer.error_lines

    def _apply(self) -> None:
        self._send(Phase.OPENING)

    def _apply_late(self) -> None:
        self._send(Phase.LATE)
        self._watch.wait_decided(self._played.tally.accepted_ids, self._deadline_s, self._show)

    def _send(self, phase: Phase) -> None:
        work: list[tuple[Scenario, list[Attempt]]] = []
        for scenario in self._world.scenarios:
            attempts = [attempt for attempt in scenario.attempts if attempt.phase is phase]
            if attempts:
                work.append((scenario, attempts))
        half = sum(len(attempts) for _, attempts in work) // 2
        tally = self._played.tally
        before = tally.attempted

        def on_progress() -> None:
            if phase is Phase.OPENING and tally.attempted - before >= half:
                self._stage.kill_once()
            self._show()

        uvloop.run(self._frontends.play(work, on_progress))

    def _decide(self) -> None:
        self._watch.wait_decided(self._played.tally.accepted_ids, self._deadline_s, self._show)

    def _review(self) -> None:
        """Case workers answer the open reviews as the plan says; some stay open on purpose."""
        answers = {
            application_id: scenario.staff
            for scenario in self._world.scenarios
            if scenario.staff is not None
            for application_id in self._played.tally.ids_by_scenario.get(scenario.scenario_id, ())
        }
        waiting = {one for one, end in self._watch.ends().items() if end.outcome == "waiting"}

        def missing() -> str | None:
            unseen = len(waiting - self._staff.open_reviews().keys())
            return f"{unseen} reviews are not in the queue yet" if unseen else None

        wait_until(missing, REVIEWS_DEADLINE_S, self._show)
        answered: set[str] = set()
        for application_id, review in self._staff.open_reviews().items():
            answer = answers.get(application_id, StaffAnswer.LEAVE)
            if answer is not StaffAnswer.LEAVE:
                self._staff.resolve(review.review_id, accept=answer is StaffAnswer.ACCEPT)
                answered.add(application_id)
        self._watch.wait_answered(answered, REVIEWS_DEADLINE_S, self._show)
        self._watch.wait_decided(self._played.tally.accepted_ids, self._deadline_s, self._show)

    def _pay(self) -> None:
        """A maker proposes, a checker approves exactly those bytes, the bank answers."""
        proposed = self._staff.propose_batches(request_id=f"play-{self._place.seed}")
        self._played.held_records = proposed.held_records
        for batch in proposed.batches:
            self._staff.approve_batch(batch.batch_id, batch.sha256)
        self._watch.wait_bank(self._deadline_s, self._show)

    def _notices(self) -> None:
        def missing() -> str | None:
            totals = self._staff.notice_totals()
            self._played.notices = {
                "requested": totals.requested,
                "delivered": totals.delivered,
            }
            open_notices = totals.requested - totals.delivered - totals.failed
            return f"{open_notices} notices are not delivered" if open_notices else None

        wait_until(missing, NOTICES_DEADLINE_S + self._deadline_s, self._show)

    def _show(self) -> None:
        """Counts for the terminal, not more often than eyes follow: each looks at every end."""
        now = time.monotonic()
        if now - self._shown_s < SHOW_EVERY_S:
            return
        self._shown_s = now
        outcomes = self._watch.outcomes()
        yen = self._watch.yen_by_station()
        self._stage.counts(
            accepted=len(self._played.tally.accepted_ids),
            decided=sum(outcomes.values()),
            approved=outcomes["approved"],
            refused=outcomes["refused"],
            waiting=outcomes["waiting"],
            decided_yen=self._watch.decided_yen(),
            settled_yen=yen["settled"],
            returned_yen=yen["returned"],
        )
