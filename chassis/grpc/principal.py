"""Who is calling. Set by the token interceptor for the time of one RPC."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a service, its roles, and the municipality it acts for (None: all)."""

    subject: str
    roles: frozenset[str]
    municipality_code: str | None = None

    def has_any(self, roles: frozenset[str]) -> bool:
        """Whether one of `roles` is held."""
        return not self.roles.isdisjoint(roles)


_current: ContextVar[Principal | None] = ContextVar("kyufu_principal", default=None)


def current_principal() -> Principal:
    """The caller of the RPC being served; LookupError outside of one."""
    principal = _current.get()
    if principal is None:
        raise LookupError("no RPC is being served")
    return principal


def set_principal(principal: Principal | None) -> None:
    """For the interceptor, and for tests of handlers."""
    _current.set(principal)
