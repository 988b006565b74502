"""Hand-written stand-ins for ports."""

from collections.abc import Callable, Mapping, Sequence

from services.payments.domain.facts import ArrivedFile
from services.payments.ports import BankChannel


class ReadHolds:
    """Holds whose end was reached, or was not. `before_answer` plays what arrives meanwhile."""

    def __init__(self) -> None:
        self.reached = True
        self.before_answer: Callable[[], object] | None = None

    def catch_up(self) -> bool:
        if self.before_answer is not None:
            self.before_answer()
        return self.reached


class Killed(BaseException):
    """The process died here."""


class DyingChannel:
    """A channel that dies just before, or just after, the file is put down."""

    def __init__(self, inner: BankChannel, *, after: bool) -> None:
        self._inner = inner
        self._after = after

    def deliver(self, file_name: str, content: bytes) -> bool:
        if self._after:
            self._inner.deliver(file_name, content)
        raise Killed

    def arrived(self, known: Mapping[str, bytes]) -> Sequence[ArrivedFile]:
        return self._inner.arrived(known)
