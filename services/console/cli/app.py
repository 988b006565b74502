"""The commands of `kyufu`. Reads take --json; every error is one line and an exit code."""

import uuid
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from kyufu.events.v1 import registry_pb2, reviews_pb2
from kyufu.staff.v1 import staff_pb2

from services.console.cli import show
from services.console.cli.session import (
    ADDRESS_DEFAULT,
    ADDRESS_VARIABLE,
    EXIT_FAILED,
    EXIT_USAGE,
    Session,
    fail,
)

READ_TIMEOUT_S: Final = 10.0
PROPOSE_TIMEOUT_S: Final = 60.0
APPROVE_TIMEOUT_S: Final = 30.0
REPLAY_TIMEOUT_S: Final = 30.0
IMPORT_TIMEOUT_S: Final = 600.0
CHUNK_BYTES: Final = 64 * 1024
PROGRAMME_DEFAULT: Final = "tokubetsu-teigaku-2020"
SHA256_BYTES: Final = 32

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The staff's command of Kyufu.")
reviews = typer.Typer(no_args_is_help=True, help="Questions that a person answers.")
registers = typer.Typer(no_args_is_help=True, help="Registers of the base date.")
deadletters = typer.Typer(no_args_is_help=True, help="Records that a consumer could not take.")
app.add_typer(reviews, name="reviews")
app.add_typer(registers, name="registers")
app.add_typer(deadletters, name="deadletters")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PageSize = Annotated[int, typer.Option("--page-size", min=1, max=500, help="Lines at most.")]
PageToken = Annotated[str, typer.Option("--page-token", help="From the page before.")]
Programme = Annotated[str, typer.Option("--programme", help="Programme id.")]


class Answer(StrEnum):
    """What a review is answered with."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class RegisterName(StrEnum):
    """The registers that can be imported."""

    HOUSEHOLDS = "households"
    CREDENTIALS = "credentials"
    ACCOUNTS = "accounts"
    SEPARATIONS = "separations"


@app.callback()
def begin(
    context: typer.Context,
    address: Annotated[
        str, typer.Option("--address", envvar=ADDRESS_VARIABLE, help="host:port of the console.")
    ] = ADDRESS_DEFAULT,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the staff token.")
    ] = None,
) -> None:
    """The token comes from --token-file or KYUFU_TOKEN."""
    context.obj = Session(address=address, token_file=token_file)


@app.command()
def trace(context: typer.Context, application_id: str, as_json: AsJson = False) -> None:
    """Every station of one application. Each look is audited."""
    answer = _session(context).call(
        lambda stub: stub.TraceApplication,
        staff_pb2.TraceApplicationRequest(application_id=application_id.strip().lower()),
        READ_TIMEOUT_S,
    )
    show.as_json(answer) if as_json else show.trace(answer)


@app.command()
def batches(
    context: typer.Context,
    programme: Programme = PROGRAMME_DEFAULT,
    page_size: PageSize = 100,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """Batches of payments with the hash of their files."""
    request = staff_pb2.ListBatchesRequest(
        programme=programme, page_size=page_size, page_token=page_token
    )
    answer = _session(context).call(lambda stub: stub.ListBatches, request, READ_TIMEOUT_S)
    if as_json:
        show.as_json(answer)
        return
    show.batches(answer.batches)
    _more(answer.next_page_token)


@app.command()
def propose(
    context: typer.Context,
    programme: Programme = PROGRAMME_DEFAULT,
    municipality: Annotated[str, typer.Option(help="Payer; all you may act for if empty.")] = "",
    request_id: Annotated[
        str, typer.Option(help="The same id gives the same batches; new if empty.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Freeze planned payments into files, as their maker."""
    request = staff_pb2.ProposeBatchesRequest(
        programme=programme,
        municipality_code=municipality,
        request_id=request_id or uuid.uuid4().hex,
    )
    answer = _session(context).call(lambda stub: stub.ProposeBatches, request, PROPOSE_TIMEOUT_S)
    if as_json:
        show.as_json(answer)
        return
    show.batches(answer.batches)
    show.line(f"{answer.held_records:,} payments stay behind because of a hold")


@app.command()
def approve(
    context: typer.Context,
    batch_id: str,
    sha256: Annotated[str, typer.Option("--sha256", help="Of the file you looked at, in hex.")],
    as_json: AsJson = False,
) -> None:
    """Approve exactly these bytes, as a second person, and release them to the bank."""
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    if len(digest) != SHA256_BYTES:
        fail("--sha256 is not 64 hex digits", EXIT_USAGE)
    request = staff_pb2.ApproveBatchRequest(batch_id=batch_id, sha256=digest)
    answer = _session(context).call(lambda stub: stub.ApproveBatch, request, APPROVE_TIMEOUT_S)
    show.as_json(answer) if as_json else show.batches([answer.batch])


@reviews.command("list")
def list_reviews(
    context: typer.Context,
    resolved: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    page_size: PageSize = 50,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """Open reviews, oldest first."""
    request = staff_pb2.ListReviewsRequest(
        include_resolved=resolved, page_size=page_size, page_token=page_token
    )
    answer = _session(context).call(lambda stub: stub.ListReviews, request, READ_TIMEOUT_S)
    if as_json:
        show.as_json(answer)
        return
    show.reviews(answer.reviews)
    show.line(f"{answer.open_total:,} open")
    _more(answer.next_page_token)


@reviews.command("resolve")
def resolve_review(
    context: typer.Context, review_id: str, answer: Answer, as_json: AsJson = False
) -> None:
    """Answer a review: accept (its reasons are waived) or refuse."""
    resolution = (
        reviews_pb2.RESOLUTION_ACCEPT if answer is Answer.ACCEPT else reviews_pb2.RESOLUTION_REFUSE
    )
    resolved = _session(context).call(
        lambda stub: stub.ResolveReview,
        staff_pb2.ResolveReviewRequest(review_id=review_id, resolution=resolution),
        READ_TIMEOUT_S,
    )
    show.as_json(resolved) if as_json else show.reviews([resolved.review])


@registers.command("import")
def import_register(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    register: Annotated[RegisterName, typer.Option(help="Which register the file holds.")],
    snapshot: Annotated[str, typer.Option(help="Snapshot id, such as 2020-04-27.")],
    version: Annotated[int, typer.Option(min=1, help="Version of the snapshot's data.")],
    complete: Annotated[
        bool, typer.Option("--complete", help="What is not there by now does not exist.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a CSV file; good lines load, bad lines are named and make the exit code 1."""
    header = staff_pb2.ImportRegisterHeader(
        register=registry_pb2.Register.Value(f"REGISTER_{register.name}"),
        snapshot_id=snapshot,
        version=version,
        complete=complete,
    )
    answer = _session(context).upload(_chunks(header, file), IMPORT_TIMEOUT_S)
    show.as_json(answer) if as_json else show.imported(answer)
    if answer.error_lines:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Health, lag, yen by station, and what waits for people."""
    answer = _session(context).call(
        lambda stub: stub.GetStatus, staff_pb2.GetStatusRequest(), READ_TIMEOUT_S
    )
    show.as_json(answer) if as_json else show.status(answer)


@deadletters.command("list")
def list_dead_letters(
    context: typer.Context,
    page_size: PageSize = 50,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """Dead letters, newest first."""
    request = staff_pb2.ListDeadLettersRequest(page_size=page_size, page_token=page_token)
    answer = _session(context).call(lambda stub: stub.ListDeadLetters, request, READ_TIMEOUT_S)
    if as_json:
        show.as_json(answer)
        return
    show.dead_letters(answer.dead_letters)
    _more(answer.next_page_token)


@deadletters.command("replay")
def replay_dead_letter(
    context: typer.Context, dead_letter_id: str, as_json: AsJson = False
) -> None:
    """Put the source record back at the end of its topic."""
    answer = _session(context).call(
        lambda stub: stub.ReplayDeadLetter,
        staff_pb2.ReplayDeadLetterRequest(dead_letter_id=dead_letter_id),
        REPLAY_TIMEOUT_S,
    )
    show.as_json(answer) if as_json else show.dead_letters([answer.dead_letter])


def main() -> None:
    """The entry of the command."""
    app(prog_name="kyufu")


def _session(context: typer.Context) -> Session:
    session = context.obj
    assert isinstance(session, Session)
    return session


def _more(next_page_token: str) -> None:
    if next_page_token:
        show.line(f"more with --page-token {next_page_token}")


def _chunks(
    header: staff_pb2.ImportRegisterHeader, file: Path
) -> Iterator[staff_pb2.ImportRegisterRequest]:
    yield staff_pb2.ImportRegisterRequest(header=header)
    with file.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            yield staff_pb2.ImportRegisterRequest(chunk=chunk)
