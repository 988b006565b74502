"""SMS by HTTP providers; which is asked or told next is decided in domain/failover.py.

The providers' contract is in this service's README. The told log is written, durably, before the
message leaves, so that a crash cannot forget that a provider may hold it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp

from services.notify.domain.failover import (
    Answer,
    Ask,
    Done,
    Exchange,
    Stop,
    Tell,
    Wait,
    next_step,
    still_held,
)
from services.notify.domain.notices import Attempt, Deferred, Delivered, Refused
from services.notify.ports import SmsDelivery, ToldLog

CONCURRENT_MAX: Final = 16
# Each provider is asked at most twice and told once in one attempt.
_STEPS_PER_PROVIDER_MAX: Final = 3
_FAILURES_BEFORE_LAST: Final = 5
_LAST_FOR_S: Final = 30.0
_SUCCESS: Final = range(200, 300)
_NOT_FOUND: Final = 404
_PERMANENT: Final = frozenset({400, 413, 422})
_NEVER_TAKEN: Final = frozenset({401, 403, 404, 405, 429})


class Provider:
    """One provider: POST /messages, GET /messages/{key}. A redirect is not followed: telephone
    number and text would go to whomever it names.
    """

    def __init__(self, name: str, base_url: str, client: aiohttp.ClientSession) -> None:
        self.name = name
        self._messages_url = base_url.rstrip("/") + "/messages"
        self._client = client

    async def tell(self, delivery: SmsDelivery) -> Answer:
        """Hand the message over; the provider takes a key once."""
        content = {"key": delivery.key, "to": delivery.to, "text": delivery.text}
        try:
            async with self._client.post(
                self._messages_url, json=content, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return Answer.NOT_REACHED
        except (aiohttp.ClientError, TimeoutError):
            return Answer.UNCLEAR
        if status in _SUCCESS:
            return Answer.ACCEPTED
        if status in _PERMANENT:
            return Answer.REFUSED
        return Answer.ABSENT if status in _NEVER_TAKEN else Answer.UNCLEAR

    async def ask(self, key: str) -> Answer:
        """Whether the provider has a message under this key."""
        try:
            async with self._client.get(
                f"{self._messages_url}/{key}", allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            return Answer.UNCLEAR
        if status in _SUCCESS:
            return Answer.ACCEPTED
        return Answer.ABSENT if status == _NOT_FOUND else Answer.UNCLEAR


class SmsProviders:
    """The providers in the order of preference. One that failed several times in a row stands last
    for a while, so that messages do not each wait out its time-out.
    """

    def __init__(
        self, providers: Sequence[Provider], told: ToldLog, monotonic: Callable[[], float]
    ) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._names = tuple(self._providers)
        self._told = told
        self._monotonic = monotonic
        self._failures = dict.fromkeys(self._names, 0)
        self._last_until_s = dict.fromkeys(self._names, float("-inf"))
        self._room = asyncio.Semaphore(CONCURRENT_MAX)

    async def send(self, deliveries: Sequence[SmsDelivery]) -> list[Attempt]:
        """One attempt for each delivery, in order."""
        if not deliveries:
            return []
        names = self._order()
        fresh = [delivery.notice_id for delivery in deliveries if not delivery.may_hold]
        if fresh:
            # Most messages go to the first provider at once: their marks are one statement.
            await asyncio.to_thread(self._told.record, fresh, names[0])
        return list(await asyncio.gather(*(self._send_one(d, names) for d in deliveries)))

    def _order(self) -> tuple[str, ...]:
        now_s = self._monotonic()
        return tuple(sorted(self._names, key=lambda name: now_s < self._last_until_s[name]))

    def _note(self, name: str, answer: Answer) -> None:
        if answer in (Answer.UNCLEAR, Answer.NOT_REACHED):
            self._failures[name] += 1
            if self._failures[name] >= _FAILURES_BEFORE_LAST:
                self._last_until_s[name] = self._monotonic() + _LAST_FOR_S
        else:
            self._failures[name] = 0

    async def _send_one(self, delivery: SmsDelivery, names: tuple[str, ...]) -> Attempt:
        async with self._room:
            exchanges: list[Exchange] = []
            marked = delivery.may_hold or frozenset({names[0]})
            for _ in range(_STEPS_PER_PROVIDER_MAX * len(names) + 1):
                step = next_step(names, delivery.may_hold, delivery.unanswered_asks, exchanges)
                match step:
                    case Ask(name):
                        answer = await self._providers[name].ask(delivery.key)
                        exchanges.append(Exchange(step, answer))
                    case Tell(name):
                        if name not in marked:
                            await asyncio.to_thread(self._told.record, [delivery.notice_id], name)
                        answer = await self._providers[name].tell(delivery)
                        self._note(name, answer)
                        exchanges.append(Exchange(step, answer))
                    case Done(name):
                        return Delivered(name)
                    case Stop():
                        return Refused("sms_refused")
                    case Wait(unanswered):
                        held = still_held(delivery.may_hold, exchanges)
                        reason = "sms_unclear" if held else "sms_away"
                        return Deferred(reason, may_hold=held, unanswered=unanswered)
            raise AssertionError("the failover rules do not come to an end")
