"""`review record`, `import`, `defer` and `undo`: decisions go into the ledger, each checked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import InputError, Problem, UsageError
from pipeline.ledger.buckets import nearest, nearest_attribution
from pipeline.ledger.codebook import ATTRIBUTIONS, NO_MODEL_ERROR
from pipeline.ledger.events import Decision, Deferred, Finding, later_than, write_event
from pipeline.ledger.evidence import evidence_digest, fitting_digests, quote_stands
from pipeline.ledger.lines import lines_of
from pipeline.ledger.settle import settle
from pipeline.load.files import read_bytes
from pipeline.report.text import visible_name
from pipeline.review.answer import Answer
from pipeline.review.names import meant

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.buckets import Buckets
    from pipeline.ledger.events import Identity
    from pipeline.ledger.replay import Ledger
    from pipeline.load.folder import Row
    from pipeline.review.folder import Folder


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision before it is checked, from the command's options or a line of an import file."""

    row_id: str
    bucket: str
    attribution: str
    secondary_dimensions: tuple[str, ...] = ()
    note: str | None = None
    quote: str | None = None
    adjudication: bool = False
    evidence_digest: str | None = None
    """The digest of the evidence that was decided on; if given, the row must still have it."""


_decode_draft: Final = msgspec.json.Decoder(Draft).decode


def record(folder: Folder, who: Identity, draft: Draft) -> Answer:
    """Record one decision. Raises `UsageError` with everything that is wrong with it."""
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        fields, problems = check(folder, ledger, who, draft, draft.row_id)
        if problems:
            raise UsageError(*problems)
        event = write_event("decision", who, later_than(ledger.last), fields)
        writer.append([event])
    after = ledger.followed_by([msgspec.convert(event, Decision)])
    row = folder.evidence(event["row_id"])
    settled = settle(after, event["row_id"], {event["evidence_digest"]} if row is None else fitting_digests(row))
    control = event["row_id"] not in folder.by_id
    state = "control" if control else settled.state
    text = visible_name(f"recorded {event['row_id']}: {event['bucket']}, {event['attribution']} ({state})")
    if event["secondary_dimensions"]:
        text += "\n" + visible_name(f"only consequences: {', '.join(event['secondary_dimensions'])}")
    if not control and (hint := _hint(event, ledger.buckets)):
        text += f"\n{hint}"
    if settled.state == "disputed":
        text += "\nreviewers differ on this row: settle it with --adjudicate, or leave it open"
    if settled.decision is not None and settled.decision.id != event["id"] and settled.decision.adjudication:
        text += "\nan adjudication settles this row as it stands; --adjudicate changes it"
    return Answer(text, {"event": event, "state": state})


def _hint(event: dict[str, Any], buckets: Buckets) -> str:
    """Return a hint at a decision that may not be what was meant, which is recorded all the same; else nothing."""
    nobody = buckets.parent(event["bucket"]) == NO_MODEL_ERROR
    if nobody and event["attribution"] == "model":
        return f"{event['bucket']} says that the model did nothing wrong, model that it is the model's fault"
    if not nobody and event["attribution"] in ("grader", "reference", "pipeline"):
        return (
            f"{event['bucket']} is an error of the model, {event['attribution']} says that it is not the model's fault"
        )
    return ""


def import_decisions(folder: Folder, who: Identity, file: Path) -> Answer:
    """Record the decisions of a file, one JSON object per line: all of them, or none and every problem."""
    drafts, problems = _read_drafts(file)
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        decided = []
        seen: dict[str, str] = {}
        for where, draft in drafts:
            fields, found = check(folder, ledger, who, draft, where)
            problems += found
            row_id = fields["row_id"]
            if row_id in seen:
                problems.append(Problem(where, f"{row_id} was decided in {seen[row_id]} already", "leave one out"))
            seen.setdefault(row_id, where)
            decided.append(fields)
        if not drafts and not problems:
            problems.append(Problem(str(file), "holds no decision", "write one JSON object per line"))
        if problems:
            raise InputError(*problems)
        at = later_than(ledger.last)
        events = []
        for fields in decided:
            events.append(write_event("decision", who, at, fields))
            at = later_than(at)
        batch = write_event("batch", who, at, {"events": events})
        writer.append([batch])
    return Answer(f"recorded {len(events)} decisions", {"event": batch})


def check(
    folder: Folder, ledger: Ledger, who: Identity, draft: Draft, where: str
) -> tuple[dict[str, Any], list[Problem]]:
    """Return a decision's fields as the ledger holds them, and everything that is wrong with them."""
    problems = []
    buckets = ledger.buckets
    if draft.bucket not in buckets:
        problems.append(Problem(where, f"no bucket {draft.bucket!r}", nearest(draft.bucket, buckets)))
    if draft.attribution not in ATTRIBUTIONS:
        fix = nearest_attribution(draft.attribution)
        problems.append(Problem(where, f"no attribution {draft.attribution!r}", fix))
    row_id, row = draft.row_id, None
    try:
        row_id = folder.find(draft.row_id)
        row = folder.evidence(row_id)
        if row is None:
            problems.append(folder.no_such_row(where, f"no row {row_id}"))
    except UsageError as error:
        problems += [Problem(where, problem.what, problem.fix) for problem in error.problems]
    digest = None if row is None else evidence_digest(row)
    if row is not None:
        secondary = tuple(meant(name, row["failed_dimensions"]) for name in draft.secondary_dimensions)
        draft = msgspec.structs.replace(draft, secondary_dimensions=secondary)
        problems += _row_problems(row, draft, where)
        if (who, digest) not in ledger.opened.get(row_id, {}):
            fix = f"read it first: error-analysis review show {folder.path} {row_id}"
            problems.append(Problem(where, f"{who[0]} ({who[1]}) has not opened {row_id} as it is now", fix))
        if draft.evidence_digest not in (None, digest):
            problems.append(Problem(where, f"{row_id} is not what was decided on", "read it again and decide anew"))
    return _fields(draft, row_id, digest), problems


def _fields(draft: Draft, row_id: str, digest: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "row_id": row_id,
        "evidence_digest": digest,
        "bucket": draft.bucket,
        "attribution": draft.attribution,
        "secondary_dimensions": list(dict.fromkeys(draft.secondary_dimensions)),
        "note": draft.note,
        "quote": draft.quote,
        "adjudication": draft.adjudication,
    }
    return {name: value for name, value in fields.items() if value is not None or name == "evidence_digest"}


def _row_problems(row: Row, draft: Draft, where: str) -> list[Problem]:
    """Compare a draft with its row: the secondary dimensions must have failed, the quote must be in a text."""
    row_id, failed = row["row_id"], row["failed_dimensions"]
    problems = []
    for name in draft.secondary_dimensions:
        if name not in failed:
            fix = nearest(name, failed) if failed else "leave it out: nothing failed in this row"
            problems.append(Problem(where, f"{name!r} did not fail in {row_id}", fix))
    if draft.quote is not None and not quote_stands(draft.quote, row):
        problems.append(Problem(where, f"the quote is in none of the texts of {row_id}", "copy it from the row"))
    return problems


def _read_drafts(file: Path) -> tuple[list[tuple[str, Draft]], list[Problem]]:
    drafts, problems = [], []
    for number, line in lines_of(read_bytes(file)):
        where = f"{file}:{number}"
        try:
            line.decode()
            drafts.append((where, _decode_draft(line)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fix = '{"row_id": ..., "bucket": ..., "attribution": ...} and, if wanted, more of a decision'
            problems.append(Problem(where, f"no decision: {error}", fix))
    return drafts, problems


def defer(folder: Folder, who: Identity, written: str, note: str | None) -> Answer:
    """Defer a row: it comes last until the reviewer decides it."""
    row_id = folder.find(written)
    if folder.evidence(row_id) is None:
        raise UsageError(folder.no_such_row(row_id, "no such row"))
    with folder.ledger_file.writing() as writer:
        fields = {"row_id": row_id} | ({} if note is None else {"note": note})
        event = write_event("deferred", who, later_than(writer.ledger.last), fields)
        writer.append([event])
    return Answer(visible_name(f"put off {row_id}"), {"event": event})


def undo(folder: Folder, who: Identity, *, deferrals: bool = False) -> Answer:
    """Retract the caller's latest decision or finding; what applied before it applies again.

    With `deferrals` the latest may also be that a row was deferred.
    """
    kinds = (Decision, Finding, Deferred) if deferrals else (Decision, Finding)
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        own: list[Any] = [event for event in ledger.events if event.who == who and isinstance(event, kinds)]
        if not own:
            raise UsageError(Problem("", f"{who[0]} ({who[1]}) has nothing to take back", "see review status"))
        event = write_event("retracted", who, later_than(ledger.last), {"retracts": own[-1].id})
        writer.append([event])
    last = own[-1]
    what = (
        f"the decision on {last.row_id}: {last.bucket}, {last.attribution}"
        if isinstance(last, Decision)
        else f"that {last.row_id} was put off"
        if isinstance(last, Deferred)
        else f"the finding on {last.bucket} of {last.model_name}"
    )
    return Answer(visible_name(f"took back {what}"), {"event": event, "retracted": msgspec.to_builtins(last)})
