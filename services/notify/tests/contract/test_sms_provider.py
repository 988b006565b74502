"""What a provider's answers mean, over HTTP as the provider speaks it."""

import aiohttp
import pytest

from services.notify.adapters.sms_http import Provider
from services.notify.domain.failover import Answer
from services.notify.ports import SmsDelivery
from services.notify.tests.installation import SmsStub, sms_stub

DELIVERY = SmsDelivery(
    notice_id=1, key="k-sms", may_hold=frozenset(), unanswered_asks=0, to="+810000000000", text="t"
)
TIMEOUT_S = 0.5


async def told(stub: SmsStub) -> tuple[Answer, Answer]:
    """The answer to the message, then to the question whether it is held."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as client:
        provider = Provider("a", stub.url, client)
        return await provider.tell(DELIVERY), await provider.ask(DELIVERY.key)


@pytest.mark.parametrize(
    ("mode", "told_answer", "asked_answer"),
    [
        ("ok", Answer.ACCEPTED, Answer.ACCEPTED),
        ("400", Answer.REFUSED, Answer.ABSENT),
        ("422", Answer.REFUSED, Answer.ABSENT),
        ("404", Answer.ABSENT, Answer.ABSENT),
        ("429", Answer.ABSENT, Answer.ABSENT),
        ("302", Answer.UNCLEAR, Answer.ABSENT),
        ("error", Answer.UNCLEAR, Answer.ABSENT),
        ("error_after", Answer.UNCLEAR, Answer.ACCEPTED),
        ("silent", Answer.UNCLEAR, Answer.ABSENT),
        ("silent_after", Answer.UNCLEAR, Answer.ACCEPTED),
    ],
)
async def test_each_answer_of_a_provider_has_one_meaning(
    mode: str, told_answer: Answer, asked_answer: Answer
) -> None:
    with sms_stub() as stub:
        stub.mode = mode
        assert await told(stub) == (told_answer, asked_answer)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    with sms_stub() as stub, sms_stub() as stranger:
        stub.mode, stub.location = status, f"{stranger.url}/messages"
        answer, _ = await told(stub)
        assert answer is Answer.UNCLEAR
        assert (stranger.posts, stranger.asks) == (0, [])


async def test_a_provider_that_is_not_there_cannot_hold_the_message() -> None:
    with sms_stub() as stub:
        pass
    assert await told(stub) == (Answer.NOT_REACHED, Answer.UNCLEAR)
