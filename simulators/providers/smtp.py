"""The SMTP sink: a real server (aiosmtpd) that keeps every mail it confirmed."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import Any

from aiosmtpd.smtp import SMTP

from simulators.providers.mailbox import Mailbox

IDENTITY = "mail.kyufu.example"


class MailHandler:
    """aiosmtpd calls `handle_DATA` with each mail; 250 means it is in the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=default_policy)
        assert isinstance(mail, EmailMessage), "the default policy parses to EmailMessage"
        text = mail.get_body(("plain",))
        self._mailbox.deliver(
            channel="email",
            message_id=str(mail["Message-ID"]).strip(),
            to=",".join(envelope.rcpt_tos),
            subject=str(mail["Subject"]),
            body=text.get_content() if text is not None else "",
        )
        return "250 OK"


def new_session(mailbox: Mailbox) -> SMTP:
    """The protocol object of one connection."""
    return SMTP(
        MailHandler(mailbox), hostname=IDENTITY, ident="simulated mail server", enable_SMTPUTF8=True
    )
