"""The SMTP sink: a real server (aiosmtpd) that keeps every mail it confirmed."""

from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

from aiosmtpd.smtp import SMTP

from simulators.providers.mailbox import Mailbox

IDENTITY = "mail.kyufu.example"


class MailHandler:
    """aiosmtpd calls `handle_DATA` with each mail; 250 means it is in the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        # The plain parser: newer policies spend more on headers than all the rest of a mail takes.
        mail = message_from_bytes(envelope.content)
        body = mail.get_payload(decode=True)
        self._mailbox.deliver(
            channel="email",
            message_id=str(mail["Message-ID"]).strip(),
            to=",".join(envelope.rcpt_tos),
            subject=str(make_header(decode_header(mail["Subject"]))),
            body=body.decode("utf-8") if isinstance(body, bytes) else "",
        )
        return "250 OK"


def new_session(mailbox: Mailbox) -> SMTP:
    """The protocol object of one connection."""
    return SMTP(
        MailHandler(mailbox), hostname=IDENTITY, ident="simulated mail server", enable_SMTPUTF8=True
    )
