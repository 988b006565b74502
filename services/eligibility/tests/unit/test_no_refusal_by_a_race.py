"""A person's answer that comes before the registers or payments have spoken refuses nobody."""

from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import reviews_pb2

from services.eligibility.tests.playing import HOME, played
from services.eligibility.tests.town import form

ACCEPT = reviews_pb2.RESOLUTION_ACCEPT
HEAD, SECOND, _ = HOME.members


def test_an_accepted_applicant_who_turned_out_to_live_apart_waits_for_the_heads_claim() -> None:
    hers = form(
        HOME, applicant=SECOND, persons=(SECOND,), digits="9999999", capacity=apps.CAPACITY_PROXY
    )
    pipeline = played(form(HOME), hers)
    assert pipeline.outcome(hers) == "WAITING PROXY_UNPROVEN"
    pipeline.put("registry.separations", HOME.unit, HOME.separation(SECOND))
    pipeline.step("dedup", "registry.separations")
    pipeline.resolve(pipeline.reviews()[-1], ACCEPT)
    pipeline.step("dedup", "reviews.resolved.dedup")
    # The partition of her account may well be ahead of that of the head's.
    while (ahead := ("link", "applications.deduplicated.protected")) in pipeline.ready():
        pipeline.step(*ahead)
    while ("payments", "") in pipeline.ready():
        pipeline.step("payments", "")
    pipeline.run()
    assert pipeline.outcome(form(HOME)) == "APPROVED 200000"
    assert pipeline.outcome(hers) == "APPROVED 100000"
