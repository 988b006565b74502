"""One command's connection: address, token, a call, and errors as one line with an exit code."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import grpc
import typer
from kyufu.staff.v1 import staff_pb2_grpc

from chassis.grpc.client import call_metadata, call_sync, open_sync_channel
from chassis.grpc.errors import RpcFailure

ResponseT = TypeVar("ResponseT")

ADDRESS_VARIABLE: Final = "KYUFU_CONSOLE_ADDR"
TOKEN_VARIABLE: Final = "KYUFU_TOKEN"  # noqa: S105 - the variable's name
ADDRESS_DEFAULT: Final = "127.0.0.1:28450"

EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 1
# By sysexits.h where it has a word for it.
_EXITS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: 64,
    grpc.StatusCode.NOT_FOUND: 66,
    grpc.StatusCode.UNAVAILABLE: 69,
    grpc.StatusCode.DEADLINE_EXCEEDED: 75,
    grpc.StatusCode.FAILED_PRECONDITION: 76,
    grpc.StatusCode.PERMISSION_DENIED: 77,
    grpc.StatusCode.UNAUTHENTICATED: 77,
}
_WORDS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: "not valid",
    grpc.StatusCode.NOT_FOUND: "not found",
    grpc.StatusCode.UNAVAILABLE: "the console does not answer",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time",
    grpc.StatusCode.FAILED_PRECONDITION: "not possible now",
    grpc.StatusCode.PERMISSION_DENIED: "not allowed",
    grpc.StatusCode.UNAUTHENTICATED: "not signed in",
}


def fail(message: str, code: int) -> NoReturn:
    """One line on stderr and the exit code."""
    typer.echo(f"kyufu: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Session:
    """Where and as whom a command speaks."""

    address: str
    token_file: Path | None

    def token(self) -> str:
        """From the file if one is named, else from the environment."""
        if self.token_file is not None:
            try:
                return self.token_file.read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError):
                fail(f"the token file {self.token_file} cannot be read", EXIT_USAGE)
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            fail(f"no token: set {TOKEN_VARIABLE} or give --token-file", EXIT_USAGE)
        return token

    def call(
        self,
        method: Callable[[staff_pb2_grpc.StaffServiceStub], Callable[..., ResponseT]],
        request: Any,
        timeout_s: float,
    ) -> ResponseT:
        """Call a unary method; ends the command on an error."""
        token = self.token()
        with self._stub() as stub:
            return call_sync(method(stub), request, timeout_s, token=token)

    def upload(self, requests: Iterator[Any], timeout_s: float) -> Any:
        """Stream a register; ends the command on an error."""
        token = self.token()
        with self._stub() as stub:
            return stub.ImportRegister(requests, timeout=timeout_s, metadata=call_metadata(token))

    @contextmanager
    def _stub(self) -> Iterator[staff_pb2_grpc.StaffServiceStub]:
        try:
            with open_sync_channel(self.address) as channel:
                yield staff_pb2_grpc.StaffServiceStub(channel)
        except RpcFailure as error:
            self._end(error.code, error.reason)
        except grpc.RpcError as error:
            failed: Any = error
            self._end(failed.code(), failed.details() or "")

    def _end(self, code: grpc.StatusCode, reason: str) -> NoReturn:
        words = _WORDS.get(code, code.name.lower())
        if code is grpc.StatusCode.UNAVAILABLE:
            reason = reason if reason.isidentifier() else f"at {self.address}"
        fail(f"{words}: {reason}" if reason else words, _EXITS.get(code, EXIT_FAILED))
