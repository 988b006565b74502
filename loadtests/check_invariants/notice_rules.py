"""INV-9 and INV-11: what reached people, and what must not be readable anywhere."""

import re
from collections import Counter
from collections.abc import Iterator

from kyufu.events.v1 import operations_pb2

from loadtests.check_invariants.evidence import Evidence

# Message-ID "<event id>-email@domain", provider key "<event id>-sms".
DELIVERY = re.compile(r"<?([0-9a-f]{32})-(email|sms)(?:@[^>]*)?>?")
DELIVERED = operations_pb2.NOTICE_STATE_DELIVERED


def inv_9(evidence: Evidence) -> Iterator[str]:
    """At most one confirmed notice per (event, channel), none before its event is committed."""
    events = {event.message.event_id for event in evidence.payment_events}
    events |= {event.message.event_id for event in evidence.decided}
    delivered: Counter[tuple[str, str]] = Counter()
    mails: dict[str, tuple[str, str]] = {}
    for line in evidence.mailboxes:
        match = DELIVERY.fullmatch(line["id"])
        if match is None:
            yield f"{line['mailbox']}: a message with the id {line['id']!r}"
            continue
        if match[2] == "email":
            # SMTP cannot ask whether a mail was taken. One sent again after a kill carries the same
            # Message-ID and content, and mail systems keep it once; anything else is a second one.
            content = (line["to_hash"], line["body"])
            if mails.setdefault(line["id"], content) == content and delivered[(match[1], match[2])]:
                continue
        delivered[(match[1], match[2])] += 1
        if bytes.fromhex(match[1]) not in events:
            yield f"{line['mailbox']}: a notice of event {match[1]}, which is on no topic"
    for (event, channel), number in delivered.items():
        if number > 1:
            yield f"event {event}: {number} notices by {channel}"
    channels = {
        operations_pb2.NOTICE_CHANNEL_EMAIL: "email",
        operations_pb2.NOTICE_CHANNEL_SMS: "sms",
    }
    for notice in evidence.notices:
        message = notice.message
        key = (message.causing_event_id.hex(), channels.get(message.channel, "unknown"))
        if message.state == DELIVERED and not delivered[key]:
            yield f"event {key[0]}: recorded as delivered by {key[1]}, but in no mailbox"


def inv_11(evidence: Evidence) -> Iterator[str]:
    """No personal data in keys, headers, dead letters, logs, metrics or error bodies."""
    for place, hit in evidence.canaries:
        yield f"{place}: {hit}"
    if not evidence.canary_bytes_scanned:
        yield "nothing was scanned"
