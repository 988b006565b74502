"""What the three stage processes share: by-topic dispatch, counting, and the common outputs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError, Message
from kyufu.events.v1 import operations_pb2, registry_pb2, reviews_pb2

from chassis.streams import Incoming, InvalidMessage, Outgoing, StateView
from services.eligibility.adapters.messages import (
    TIME_MS_END,
    Submissions,
    check_resolution,
    decided_message,
    hold_message,
    require,
    review_message,
)
from services.eligibility.domain.municipalities import is_known
from services.eligibility.domain.registers import Register
from services.eligibility.domain.words import (
    Decided,
    HoldChanged,
    Ignored,
    ReviewOpened,
)
from services.eligibility.ports import StageMeter

# Events of separated persons travel on topics of their own.
DECIDED: Final = "applications.decided"
DECIDED_PROTECTED: Final = "applications.decided.protected"
REVIEWS: Final = "reviews.opened"
REVIEWS_PROTECTED: Final = "reviews.opened.protected"
HOLDS: Final = "holds.v1"
CLOCK: Final = "clock.ticks"
REGISTERS: Final = {int(each): each.name.lower() for each in Register}
# What a stage takes must fit, with all that joins it on the way, into the megabyte that a broker
# takes: a claim carries an application and a household, its review and resolution carry the claim.
# A household has at most a thousand persons of some 300 bytes.
REGISTRY_BYTES_MAX: Final = 512 * 1024
WITH_MUNICIPALITY: Final = frozenset({"household", "credential"})

Handler = Callable[[Any, Incoming, StateView, Submissions], Iterable[Any]]
Checker = Callable[[Any, Incoming], None]


class StageBase(ABC):
    """Implements `chassis.streams.StageLogic` over handlers and checkers by topic."""

    name: str
    version: int
    inputs: Sequence[str]
    outputs: Sequence[str]
    tables: Sequence[str] = ()
    # Message type of the event that this stage's reviews carry.
    stage_event: type[Message]

    def __init__(self, meter: StageMeter) -> None:
        self._meter = meter
        self._handlers: dict[str, Handler] = {}
        self._checkers: dict[str, Checker] = {}

    def check(self, incoming: Incoming) -> None:
        """Raises InvalidMessage for a record that no rule could take."""
        self._checkers[incoming.topic](incoming.message, incoming)

    def process(self, batch: Sequence[Incoming], state: StateView) -> list[Outgoing]:
        """Decide a batch in order."""
        submissions = Submissions()
        written: list[Outgoing] = []
        handlers = self._handlers
        for incoming in batch:
            trace = incoming.traceparent
            outputs = handlers[incoming.topic](incoming.message, incoming, state, submissions)
            for output in outputs:
                outgoing = self._encode(output, submissions, trace)
                if outgoing is not None:
                    written.append(outgoing)
        return written

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """Take records of tables once more; only a stage that has tables is ever asked."""
        raise TypeError(f"{self.name} has no tables")

    def _encode(self, output: Any, submissions: Submissions, trace: str | None) -> Outgoing | None:
        if isinstance(output, Decided):
            self._count(output)
            topic = DECIDED_PROTECTED if output.protected else DECIDED
            key = output.claim_unit_id or output.application_id
            return Outgoing(topic, key, decided_message(output, submissions), trace)
        if isinstance(output, ReviewOpened):
            topic = REVIEWS_PROTECTED if output.protected else REVIEWS
            message = review_message(output, self.stage_event.DESCRIPTOR.full_name)
            return Outgoing(topic, output.stage_key, message, trace)
        if isinstance(output, HoldChanged):
            return Outgoing(HOLDS, output.claim_unit_id, hold_message(output), trace)
        if isinstance(output, Ignored):
            self._meter.ignored(self.name, output.what)
            return None
        return self._encode_onward(output, submissions, trace)

    def _encode_onward(
        self, output: Any, submissions: Submissions, trace: str | None
    ) -> Outgoing | None:
        """What only this stage writes."""
        raise TypeError(f"{self.name} does not write {type(output).__name__}")

    def _count(self, decided: Decided) -> None:
        age_s = max(0, decided.decided_at_ms - decided.submitted_at_ms) / 1000
        stage = decided.stage.name.lower()
        self._meter.outcome(stage, decided.outcome.name.lower(), age_s)

    # -- checks that stages share -----------------------------------------------------------

    def check_tick(self, message: operations_pb2.ClockTick, incoming: Incoming) -> None:
        """A tick needs a time that has a legal day: later ones would end every wait for good."""
        require(message.at_ms > 0, "no_time")
        require(message.at_ms < TIME_MS_END, "no_such_time")

    def check_registry(self, message: registry_pb2.RegistryRecord, incoming: Incoming) -> None:
        """A register record needs a snapshot and the one kind that its topic carries; a closing
        record closes the register of its topic and no other.
        """
        require(len(incoming.value) <= REGISTRY_BYTES_MAX, "too_large")
        require(bool(message.snapshot_id), "no_snapshot")
        kind = message.WhichOneof("record")
        register = incoming.topic.removeprefix("registry.")
        if kind == "complete":
            require(message.complete.partition == incoming.partition, "wrong_partition")
            closed = REGISTERS.get(message.complete.register)
            require(closed is not None, "unknown_enum")
            require(closed == register, "wrong_register")
        else:
            require(kind == register.removesuffix("s"), "wrong_record")
            if kind in WITH_MUNICIPALITY:
                code = getattr(message, kind).municipality_code
                require(is_known(code), "unknown_municipality")

    def check_resolved(self, message: reviews_pb2.ReviewResolved, incoming: Incoming) -> None:
        """A resolution carries the event that the stage was judging."""
        check_resolution(message)
        require(message.stage_event_type == self.stage_event.DESCRIPTOR.full_name, "wrong_type")
        self.check_event(self.parse_event(message), incoming)

    @abstractmethod
    def check_event(self, message: Any, incoming: Incoming) -> None:
        """Whether the stage could take its own main event."""

    def parse_event(self, message: reviews_pb2.ReviewResolved) -> Any:
        """The event inside a resolution."""
        try:
            return self.stage_event.FromString(message.stage_event)
        except DecodeError as error:
            raise InvalidMessage("undecodable_stage_event") from error
