"""E-mail by SMTP over a few connections that stay open.

A broken connection after the text was sent leaves the mail's fate unknown: it is deferred and sent
again under the same Message-ID, by which its receiver drops the second copy.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiosmtplib

from services.notify.domain.notices import Attempt, Deferred, Delivered, Refused
from services.notify.ports import Mail

PROVIDER: Final = "smtp"
_PERMANENT_FROM: Final = 500
# A server closes idle connections at will; one fresh connection per round tells that from "away".
_CONNECTS_PER_ROUND: Final = 2
_QUIT_TIMEOUT_S: Final = 2.0
_LOCAL_NAME: Final = "kyufu.invalid"


class SmtpPool:
    """`connections` lines to one server; the mails of a batch are spread over them."""

    def __init__(
        self, host: str, port: int, *, sender: str, connections: int, timeout_s: float
    ) -> None:
        self._lines = [_Line(host, port, sender, timeout_s) for _ in range(connections)]
        self._free: asyncio.Queue[_Line] = asyncio.Queue()
        for line in self._lines:
            self._free.put_nowait(line)

    async def send(self, mails: Sequence[Mail]) -> list[Attempt]:
        """One attempt for each mail, in order."""
        if not mails:
            return []
        results: list[Attempt] = [Deferred("smtp_away")] * len(mails)
        share = -(-len(mails) // len(self._lines))
        await asyncio.gather(
            *(
                self._send_share(mails, results, range(start, min(start + share, len(mails))))
                for start in range(0, len(mails), share)
            )
        )
        return results

    async def _send_share(
        self, mails: Sequence[Mail], results: list[Attempt], places: range
    ) -> None:
        line = await self._free.get()
        try:
            connects_left = _CONNECTS_PER_ROUND
            for place in places:
                if not line.is_open:
                    if not connects_left or not await line.open():
                        return
                    connects_left -= 1
                results[place] = await line.send(mails[place])
        finally:
            self._free.put_nowait(line)

    async def close(self) -> None:
        """Say goodbye on every open line."""
        await asyncio.gather(*(line.close() for line in self._lines))


class _Line:
    """One connection, opened when needed."""

    def __init__(self, host: str, port: int, sender: str, timeout_s: float) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._timeout_s = timeout_s
        self._client: aiosmtplib.SMTP | None = None

    @property
    def is_open(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def open(self) -> bool:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout_s,
            local_hostname=_LOCAL_NAME,
            start_tls=None,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError):
            self._client = None
            return False
        self._client = client
        return True

    async def send(self, mail: Mail) -> Attempt:
        assert self._client is not None
        try:
            await self._client.sendmail(self._sender, [mail.recipient], mail.content)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _by_code(min(refused.code for refused in error.recipients))
        except aiosmtplib.SMTPResponseException as error:
            return _by_code(error.code)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            return Deferred("smtp_broken")
        except ValueError:
            return Refused("email_malformed")
        return Delivered(PROVIDER)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    async def close(self) -> None:
        if self._client is not None and self._client.is_connected:
            try:
                await self._client.quit(timeout=_QUIT_TIMEOUT_S)
            except (aiosmtplib.SMTPException, OSError):
                self._drop()
        self._client = None


def _by_code(code: int) -> Attempt:
    """4yz may pass later, 5yz never will (RFC 5321, section 4.2.1)."""
    if code >= _PERMANENT_FROM:
        return Refused("smtp_refused")
    return Deferred("smtp_deferred")
