"""Ties the story to this machine: what it is given, how it is shown, how it ends.

`prepare` runs before any service starts and writes what the world outside Kyufu knows; `play` runs
when every process is ready.
"""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from chassis.clock import SystemClock
from devstack import report, screen
from devstack.clients import register_clients
from devstack.context import RunContext, TrialRequest
from devstack.errors import ProcessFailed
from devstack.progress import Progress, Station
from devstack.provision import CARD_AUTHORITY_CERTIFICATE, CARD_AUTHORITY_KEY
from devstack.scrape import scrape
from devstack.story import Place, Played, Story
from devstack.topology import metrics_targets
from devstack.watch import NotSettled
from simulators.cards import NONCE_BYTES, Card
from simulators.frontends import GaveUp
from simulators.population.plan import PROGRAMME, Attempt
from simulators.population.towns import TOWNS
from simulators.population.world import (
    World,
    build_world,
    write_bank_knowledge,
    write_canaries,
    write_registers,
)
from simulators.staff import Staff


class Stage:
    """The story's view of the terminal and the supervisor."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._current: tuple[str, float] | None = None

    def step(self, name: str) -> None:
        """A station begins; the one before it is done."""
        self.finish()
        self._current = (name, time.monotonic())
        self._context.progress.begin(name)

    def finish(self) -> None:
        """The last station is done."""
        if self._current is not None:
            name, since = self._current
            self._context.progress.step(name, time.monotonic() - since)
            self._current = None

    def counts(self, **values: int) -> None:
        """Counts and yen now; also where the story learns that a process is beyond help."""
        self._context.check()
        rows: list[Station] = [
            (name, count, values.get(f"{name}_yen"))
            for name, count in values.items()
            if not name.endswith("_yen")
        ]
        rows += [
            (name.removesuffix("_yen"), None, yen)
            for name, yen in values.items()
            if name.endswith("_yen") and name.removesuffix("_yen") not in values
        ]
        self._context.progress.stations(rows)

    def kill_once(self) -> None:
        """The middle of the play has come."""
        self._context.strike()


class Finished:
    """The report, and why the run is not a good one."""

    def __init__(self, context: RunContext, document: Mapping[str, Any]) -> None:
        self._context = context
        self.report: Mapping[str, Any] = document
        self.problems = report.failures(dict(document))

    def show(self, progress: Progress) -> None:
        """Print the last screen."""
        console = Console() if progress.is_live else Console(width=100, no_color=True)
        screen.show(console, dict(self.report), self._context.paths.base, self.problems)


class Play:
    """One play: `prepare` once, then `play` once."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._world: World | None = None
        self._tokens: Mapping[str, str] = {}

    @property
    def world(self) -> World:
        """Return the population; it exists after `prepare`."""
        assert self._world is not None, "prepare comes first"
        return self._world

    @property
    def tokens(self) -> Mapping[str, str]:
        """Return each frontend's token; they exist after `prepare`."""
        return self._tokens

    def prepare(self) -> None:
        """Write registers, the bank's knowledge, canaries and the clients' registration."""
        paths = self._context.paths
        self._world = build_world(
            households=self._context.households,
            seed=self._context.seed,
            ca_pem=(paths.secrets / CARD_AUTHORITY_CERTIFICATE).read_bytes(),
            ca_key_pem=(paths.secrets / CARD_AUTHORITY_KEY).read_bytes(),
        )
        write_registers(self._world, paths.base / "registers")
        write_bank_knowledge(self._world, paths.bank_accounts)
        write_canaries(self._world, paths.base / "canaries.txt")
        codes = [town.code for town in TOWNS]
        self._tokens = register_clients(paths.clients, paths.secrets, codes)

    def trial_request(self) -> TrialRequest | None:
        """Return a card holder's application, sent again under a key of its own: for a person to
        try by hand after the play (it is then a second claim, and is told so)."""
        for scenario in self.world.scenarios:
            for attempt in scenario.attempts:
                if isinstance(attempt.credential, Card):
                    return self._trial(attempt, attempt.credential)
        return None

    def _trial(self, attempt: Attempt, card: Card) -> TrialRequest:
        body = json.dumps(attempt.body, ensure_ascii=False).encode()
        key = secrets.token_hex(16)
        credential = card.credential(
            programme=PROGRAMME,
            idempotency_key=key,
            body=body,
            nonce=secrets.token_bytes(NONCE_BYTES),
        )
        return TrialRequest(
            client_id=attempt.client_id,
            client_token=self._tokens[attempt.client_id],
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": key,
                "Kyufu-Credential": credential,
            },
            path=f"/v1/programmes/{PROGRAMME}/applications",
            body=body,
        )

    def play(self) -> Finished:
        """Play to the end, let the outside checker and a rebuild judge, and write report.json."""
        context = self._context
        stage = Stage(context)
        story = Story(self._place(), self.world, stage)
        try:
            try:
                played = story.play()
            except (NotSettled, GaveUp) as stuck:
                context.check()
                raise ProcessFailed(f"the play did not end: {stuck}") from stuck
            document = self._judge(played, stage)
        finally:
            story.close()
        context.write_report(document)
        return Finished(context, document)

    def _judge(self, played: Played, stage: Stage) -> dict[str, Any]:
        context = self._context
        scrape(metrics_targets(context.processes), context.paths.base / "metrics")
        stage.step("the outside checker")
        checker = report.run_checker(context.paths.base, context.client_environment())
        rebuild = self._rebuild(stage) if context.verify_rebuild else None
        stage.finish()
        context.timings_s.update(played.timings_s)
        context.timings_s["all"] = time.monotonic() - context.started
        return report.build(
            played,
            run_dir=context.paths.base,
            seed=context.seed,
            checker=checker,
            rebuild=rebuild,
            notices=self._notice_totals(),
            timings_s=context.timings_s,
        )

    def _rebuild(self, stage: Stage) -> report.Rebuilt:
        """INV-7. The ticks of the clock go on meanwhile; the rebuild holds to what it found."""
        context = self._context
        stage.step("the log decided once more (INV-7)")
        began = time.monotonic()
        environ = {**context.client_environment(), "KYUFU_SECRETS_DIR": str(context.secrets_dir)}
        rebuilt = report.run_rebuild(context.paths.base, environ)
        context.timings_s["rebuild"] = time.monotonic() - began
        return rebuilt

    def _notice_totals(self) -> dict[str, int]:
        context = self._context
        staff = Staff(
            console_address=context.address("console-grpc"),
            notify_address=context.address("notify-grpc"),
            secrets=context.secrets_dir,
            clock=SystemClock(context.clock_start, context.clock_epoch_s),
        )
        try:
            totals = staff.notice_totals()
        finally:
            staff.close()
        return {"requested": totals.requested, "delivered": totals.delivered}

    def _place(self) -> Place:
        context = self._context
        return Place(
            run_dir=context.paths.base,
            secrets_dir=context.paths.secrets,
            intake_url=context.intake_url,
            console_address=context.address("console-grpc"),
            notify_address=context.address("notify-grpc"),
            kafka_bootstrap=context.kafka_bootstrap,
            tokens=dict(self._tokens),
            clock=SystemClock(context.clock_start, context.clock_epoch_s),
            seed=context.seed,
        )
