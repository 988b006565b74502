"""The auditor on forged books: each kind of damage is found, and nothing else is."""

from collections import Counter
from dataclasses import replace

from loadtests.faults.auditor import audit
from loadtests.faults.books import FIRST_HOP, Decision, Found, Sent, Written

APPROVED = ("DECIDE", "APPROVED", "")
APPLICATIONS = [b"application-%d" % number for number in range(4)]
POISON = ("applications.submitted", 1, 7)
TOPIC = "applications.decided"


def decision(number: int) -> Decision:
    return Decision(
        (TOPIC, 0, number), APPLICATIONS[number], APPROVED,
        ("programme", b"household-%d" % number, 1, b""), 200_000, 200_000,
    )  # fmt: skip


def written(number: int) -> Written:
    return Written((TOPIC, 0, number), b"event-%d" % number, b"cause-%d" % number, b"content")


def identified(number: int) -> Written:
    return Written(
        (FIRST_HOP, 0, number), b"known-%d" % number, b"cause-%d" % number, b"identified", b"form"
    )


def sent() -> Sent:
    return Sent(
        set(APPLICATIONS),
        Counter((b"cause-%d" % number, b"form") for number in range(4)),
        {POISON},
        {APPROVED: 4}, 800_000,
    )  # fmt: skip


def sound() -> Found:
    return Found(
        [*map(written, range(4)), *map(identified, range(4))],
        [decision(each) for each in range(4)],
        [POISON],
    )


def test_sound_books_have_no_finding() -> None:
    assert audit(sent(), sound()).findings == ()


def test_a_dropped_decision_is_lost() -> None:
    found = sound()
    del found.decisions[2], found.written[2]
    result = audit(sent(), found)
    assert result.lost == 1
    assert any("without an outcome: 1" in each for each in result.findings)


def test_a_decision_committed_twice_is_a_duplicate() -> None:
    found = sound()
    found.written.append(replace(found.written[1], place=(TOPIC, 0, 99)))
    assert audit(sent(), found).duplicates == 1
    assert audit(sent(), found).findings == ("event ids committed too often: 1 (6576656e742d31)",)


def test_without_transactions_a_repeat_with_the_same_content_is_no_finding() -> None:
    found = sound()
    found.written.append(replace(found.written[1], place=(TOPIC, 0, 99)))
    result = audit(sent(), found, transactions=False)
    assert (result.findings, result.repeats) == ((), 1)


def test_without_transactions_a_retry_that_comes_again_is_not_a_conflict_with_the_first() -> None:
    books, found = sent(), sound()
    books.submissions[b"cause-0", b"form sealed again"] = 1
    retry = replace(identified(0), value=b"identified again", application=b"form sealed again")
    found.written += [replace(retry, place=(FIRST_HOP, 0, 90 + each)) for each in range(2)]
    assert audit(books, found, transactions=False).findings == ()


def test_without_transactions_a_repeat_with_another_content_is_a_finding() -> None:
    found = sound()
    found.written.append(replace(found.written[1], place=(TOPIC, 0, 99), value=b"other"))
    assert audit(sent(), found, transactions=False).findings


def test_a_changed_amount_is_found_even_where_its_items_agree() -> None:
    found = sound()
    found.decisions[0] = replace(found.decisions[0], amount_yen=300_000)
    assert len(audit(sent(), found).findings) == 2
    found.decisions[0] = replace(found.decisions[0], items_yen=300_000)
    assert audit(sent(), found).findings == ("approved 900000 yen for 800000",)


def test_two_active_claims_of_one_household_are_found() -> None:
    found = sound()
    found.decisions[0] = replace(found.decisions[0], claim=found.decisions[1].claim)
    assert any("two active claims" in each for each in audit(sent(), found).findings)


def test_poison_has_one_dead_letter_and_sound_records_none() -> None:
    for letters in ([], [POISON, POISON], [POISON, ("applications.submitted", 1, 8)]):
        found = sound()
        found.dead_letters = letters
        assert len(audit(sent(), found).findings) == 1


def test_an_application_sent_twice_is_rightly_identified_twice_and_not_thrice() -> None:
    books, found = sent(), sound()
    books.submissions[b"cause-0", b"form sealed again"] = 1
    found.written.append(
        replace(identified(0), place=(FIRST_HOP, 0, 90), application=b"form sealed again")
    )
    assert audit(books, found).findings == ()
    found.written.append(replace(identified(0), place=(FIRST_HOP, 0, 91)))
    assert audit(books, found).duplicates == 1


def test_a_retry_that_the_first_hop_has_lost_is_found_although_its_application_is_decided() -> None:
    books = sent()
    books.submissions[b"cause-0", b"form sealed again"] = 1
    result = audit(books, sound())
    assert result.lost == 1
    assert result.findings == (
        "submissions without an answer at the first hop: 1 (63617573652d30)",
    )


def test_a_retry_written_with_the_bytes_of_the_first_sending_is_found() -> None:
    books, found = sent(), sound()
    books.submissions[b"cause-0", b"form sealed again"] = 1
    found.written.append(replace(identified(0), place=(FIRST_HOP, 0, 90)))
    assert audit(books, found).lost == 1


def test_a_content_that_nobody_sent_is_found_at_the_first_hop() -> None:
    found = sound()
    found.written[-1] = replace(found.written[-1], application=b"another form")
    assert any("that nobody sent: 1" in each for each in audit(sent(), found).findings)


def test_what_the_first_stage_decides_itself_is_answered() -> None:
    found = sound()
    found.written.remove(identified(0))
    assert audit(sent(), found).lost == 1
    refused = replace(
        decision(0), outcome=("IDENTIFY", "REFUSED", "NOT_IN_REGISTER"), cause=b"cause-0"
    )
    found.decisions[0] = refused
    assert audit(sent(), found).lost == 0
