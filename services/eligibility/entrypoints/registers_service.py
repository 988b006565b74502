"""gRPC RegistersService: a CSV file comes in chunks, line-precise errors go back."""

import asyncio
import codecs
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from kyufu.events.v1 import registry_pb2
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.grpc.errors import invalid_argument, permission_denied, unavailable
from chassis.grpc.principal import current_principal
from chassis.kafka.errors import ProduceError
from services.eligibility.handlers import ImportRefused, RegisterImport, Report
from services.eligibility.ports import RegisterMeter

METHOD_ROLES: Final = {"/kyufu.staff.v1.RegistersService/ImportRegister": frozenset({"registrar"})}
NAMES: Final = {
    registry_pb2.REGISTER_HOUSEHOLDS: "households",
    registry_pb2.REGISTER_CREDENTIALS: "credentials",
    registry_pb2.REGISTER_ACCOUNTS: "accounts",
    registry_pb2.REGISTER_SEPARATIONS: "separations",
}
# Registers whose lines name a municipality: a registrar of one municipality may load no others.
WITH_MUNICIPALITY: Final = frozenset({"households", "credentials"})
OPEN_LINE_CHARS_MAX: Final = 65_536


class ImportFactory(Protocol):
    """Starts an import of one file."""

    def __call__(
        self, register: str, *, snapshot_id: str, version: int, municipality: str | None
    ) -> RegisterImport:
        """An import that is fed lines."""


class Lines:
    """Cuts a stream of bytes into lines; UTF-8, with or without a byte order mark."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""

    def cut(self, chunk: bytes, *, last: bool = False) -> list[str]:
        """Whole lines so far, without their ends. Raises ImportRefused."""
        try:
            text = self._rest + self._decoder.decode(chunk, final=last)
        except UnicodeDecodeError as error:
            raise ImportRefused("not_utf_8") from error
        lines = text.split("\n")
        self._rest = "" if last else lines.pop()
        if len(self._rest) > OPEN_LINE_CHARS_MAX:
            raise ImportRefused("line_without_end")
        if last and lines[-1] == "":
            lines.pop()
        return [line.removesuffix("\r") for line in lines]


class RegistersService(staff_pb2_grpc.RegistersServiceServicer):
    """Decodes, hands over to the handler in a thread, encodes."""

    def __init__(self, start: ImportFactory, meter: RegisterMeter) -> None:
        self._start = start
        self._meter = meter

    async def ImportRegister(  # noqa: N802
        self,
        request_iterator: AsyncIterator[staff_pb2.ImportRegisterRequest],
        context: Any,
    ) -> staff_pb2.ImportRegisterResponse:
        """INVALID_ARGUMENT names what is wrong with the file as a whole."""
        requests = aiter(request_iterator)
        header = await _header(requests)
        register = NAMES[header.register]
        importing = self._begin(register, header)
        lines = Lines()
        try:
            async for request in requests:
                if not request.HasField("chunk"):
                    raise invalid_argument("header_twice")
                await asyncio.to_thread(_feed, importing, lines, request.chunk)
            await asyncio.to_thread(_feed, importing, lines, b"", last=True)
            report = await asyncio.to_thread(importing.close, complete=header.complete)
        except ImportRefused as refused:
            raise invalid_argument(str(refused)) from refused
        except ProduceError as error:
            raise unavailable("broker_unavailable") from error
        self._meter.lines(register, "loaded", report.loaded)
        self._meter.lines(register, "refused", report.refused)
        return _response(report)

    def _begin(self, register: str, header: staff_pb2.ImportRegisterHeader) -> RegisterImport:
        municipality = current_principal().municipality_code or None
        if municipality is not None and (register not in WITH_MUNICIPALITY or header.complete):
            raise permission_denied("register_of_all_municipalities")
        return self._start(
            register,
            snapshot_id=header.snapshot_id,
            version=header.version,
            municipality=municipality,
        )


def _feed(importing: RegisterImport, lines: Lines, chunk: bytes, *, last: bool = False) -> None:
    importing.feed(lines.cut(chunk, last=last))


async def _header(
    requests: AsyncIterator[staff_pb2.ImportRegisterRequest],
) -> staff_pb2.ImportRegisterHeader:
    first = await anext(requests, None)
    if first is None or not first.HasField("header"):
        raise invalid_argument("header_missing")
    header = first.header
    if header.register not in NAMES:
        raise invalid_argument("register")
    if not header.snapshot_id or "|" in header.snapshot_id:
        raise invalid_argument("snapshot_id")
    if header.version < 1:
        raise invalid_argument("version")
    return header


def _response(report: Report) -> staff_pb2.ImportRegisterResponse:
    return staff_pb2.ImportRegisterResponse(
        lines=report.lines,
        loaded=report.loaded,
        error_lines=report.refused,
        errors=[
            staff_pb2.ImportLineError(line=each.line, field=each.field, reason=each.reason)
            for each in report.errors
        ],
    )
