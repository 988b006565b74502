"""Builds the bytes of an e-mail (RFC 5322, RFC 2045): headers in ASCII, the text as base64.

Plain string work instead of the library's message classes, which cost more than the sending.
"""

import base64
from datetime import datetime
from email.utils import format_datetime

from services.notify.domain.texts import Text

_LINE_CHARS = 76
# RFC 2047, section 2: a line with an encoded word has at most 76 characters. 39 bytes become 52 of
# base64, 12 of framing and the 9 of "Subject: ".
_ENCODED_WORD_BYTES = 39


def encoded_subject(subject: str) -> str:
    """The subject as RFC 2047 encoded words, folded; ASCII stays as it is."""
    if subject.isascii():
        return subject
    words: list[str] = []
    chunk = b""
    for character in subject:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _ENCODED_WORD_BYTES:
            words.append(_encoded_word(chunk))
            chunk = b""
        chunk += encoded
    words.append(_encoded_word(chunk))
    return "\r\n ".join(words)


def message_bytes(
    *, sender: str, recipient: str, message_id: str, sent_at: datetime, text: Text
) -> bytes:
    """The whole message with CRLF line ends, ending in one."""
    body = base64.b64encode(text.body.replace("\n", "\r\n").encode()).decode("ascii")
    lines = [
        f"From: {sender}",
        f"To: {recipient}",
        f"Subject: {encoded_subject(text.subject)}",
        f"Message-ID: <{message_id}>",
        f"Date: {format_datetime(sent_at)}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "Auto-Submitted: auto-generated",
        "",
        *(body[start : start + _LINE_CHARS] for start in range(0, len(body), _LINE_CHARS)),
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="
