"""notify: accept notices once, and deliver what is due.

Invariants: a notice is stored before anyone is told it was accepted; contacts are opened here, for
one attempt, and kept nowhere; results and the records that tell of them are stored together.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis.kafka.records import Positions
from chassis.logging import get_logger
from services.notify.domain import mail
from services.notify.domain.notices import (
    Accepted,
    Attempt,
    BadContact,
    Channel,
    Contact,
    Deferred,
    Delivered,
    NoContact,
    Notice,
    Refused,
    RetryPolicy,
    Silent,
    delivery_key,
    message_id,
)
from services.notify.domain.texts import Catalogue, Text
from services.notify.ports import (
    ContactOpener,
    Counters,
    Due,
    Mail,
    MailSender,
    NoticeStore,
    Settled,
    SmsDelivery,
    SmsSender,
)

_Addressed = tuple[int, Due, Contact, Text]


def accept(
    notices: Sequence[Notice],
    *,
    source: str,
    at: datetime,
    store: NoticeStore,
    counters: Counters,
    positions: Positions | None = None,
) -> list[Accepted]:
    """Store requests, with the positions of the consumer they came by; the same (event, slot) again
    changes nothing.
    """
    results = store.accept(notices, at, positions)
    counters.accepted(source, Counter(results))
    for notice, result in zip(notices, results, strict=True):
        if result is Accepted.EXISTS_WITH_DIFFERENT:
            get_logger().error("a notice was asked for twice, differently", cause=notice.event_id)
    return results


class Delivery:
    """Sends batches of due notices; one instance serves all workers of the process."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        opener: ContactOpener,
        mails: MailSender,
        messages: SmsSender,
        texts: Catalogue,
        counters: Counters,
        retry: RetryPolicy,
        sender: str,
        message_id_domain: str,
    ) -> None:
        self._store = store
        self._opener = opener
        self._mails = mails
        self._messages = messages
        self._texts = texts
        self._counters = counters
        self._retry = retry
        self._sender = sender
        self._message_id_domain = message_id_domain

    async def deliver_due(self, now: datetime, limit: int) -> int:
        """Claim up to `limit` due notices, send them, store what came of it; returns how many."""
        claim = await asyncio.to_thread(self._store.claim, now, limit)
        try:
            if not claim.due:
                return 0
            attempts = await self._attempt_all(claim.due, now)
            settled = [
                self._settled(due, attempt, channel, now)
                for due, (attempt, channel) in zip(claim.due, attempts, strict=True)
            ]
            await asyncio.to_thread(claim.settle, settled, now)
        finally:
            await asyncio.to_thread(claim.release)
        self._count(settled)
        return len(settled)

    async def _attempt_all(
        self, due: Sequence[Due], now: datetime
    ) -> list[tuple[Attempt, Channel | None]]:
        attempts: list[tuple[Attempt, Channel | None]] = [(Silent(), None)] * len(due)
        by_mail: list[_Addressed] = []
        by_sms: list[_Addressed] = []
        for place, item in enumerate(due):
            contact = self._opener.open(item.notice)
            if isinstance(contact, BadContact):
                attempts[place] = (Refused(contact.reason), contact.channel)
            elif not isinstance(contact, NoContact):
                addressed = (place, item, contact, self._texts.render(item.notice))
                (by_mail if contact.channel is Channel.EMAIL else by_sms).append(addressed)
        mailed, messaged = await asyncio.gather(
            self._mails.send([self._mail(entry, now) for entry in by_mail]),
            self._messages.send([_sms(entry) for entry in by_sms]),
        )
        for entries, results, channel in (
            (by_mail, mailed, Channel.EMAIL),
            (by_sms, messaged, Channel.SMS),
        ):
            for entry, result in zip(entries, results, strict=True):
                attempts[entry[0]] = (result, channel)
        return attempts

    def _mail(self, addressed: _Addressed, now: datetime) -> Mail:
        _, item, contact, text = addressed
        content = mail.message_bytes(
            sender=self._sender,
            recipient=contact.address,
            message_id=message_id(item.notice.event_id, Channel.EMAIL, self._message_id_domain),
            sent_at=now,
            text=text,
        )
        return Mail(recipient=contact.address, content=content)

    def _settled(
        self, due: Due, attempt: Attempt, channel: Channel | None, now: datetime
    ) -> Settled:
        pause: timedelta | None = None
        if isinstance(attempt, Deferred):
            pause = self._retry.pause_after(due.attempts + 1)
        retry_at = now + pause if pause is not None else None
        return Settled(due=due, attempt=attempt, channel=channel, retry_at=retry_at)

    def _count(self, settled: Sequence[Settled]) -> None:
        attempted: Counter[tuple[str, str]] = Counter()
        for item in settled:
            channel = item.channel.value if item.channel is not None else "none"
            attempted[channel, result_name(item.attempt)] += 1
            if item.retry_at is None:
                self._counters.ended(item.due.notice.template.value, channel, end_name(item))
        for (channel, result), count in attempted.items():
            self._counters.attempted(channel, result, count)


def _sms(addressed: _Addressed) -> SmsDelivery:
    _, item, contact, text = addressed
    return SmsDelivery(
        notice_id=item.notice_id,
        key=delivery_key(item.notice.event_id, Channel.SMS),
        may_hold=item.may_hold,
        unanswered_asks=item.unanswered_asks,
        to=contact.address,
        text=text.sms,
    )


def result_name(attempt: Attempt) -> str:
    """The metric label of an attempt: a provider's name or a constant reason."""
    match attempt:
        case Delivered(by):
            return f"delivered_{by}"
        case Refused(reason) | Deferred(reason):
            return reason
        case Silent():
            return "no_contact"


def end_name(settled: Settled) -> str:
    """How a notice ended, for a settled one that is not tried again."""
    if isinstance(settled.attempt, Delivered):
        return "delivered"
    return "no_contact" if isinstance(settled.attempt, Silent) else "failed"
