"""The events of a ledger, one JSON object per line: their fields, decoding and encoding."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from pipeline.errors import Problem, UsageError
from pipeline.ledger.lines import too_deep

Name = Annotated[str, msgspec.Meta(min_length=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
ReviewerKind = Literal["human", "agent"]
Attribution = Literal["model", "grader", "reference", "pipeline", "mixed"]
Identity = tuple[str, str]
"""A reviewer: name and kind."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """The fields of every event."""

    id: Name
    at: Moment
    reviewer: Name
    reviewer_kind: ReviewerKind

    @property
    def who(self) -> Identity:
        """The reviewer: name and kind."""
        return self.reviewer, self.reviewer_kind

    @property
    def place(self) -> tuple[datetime, str]:
        """The event's position in the order of all events, whatever file it is in."""
        return self.at, self.id


class Opened(_Event, frozen=True, tag="opened"):
    """A reviewer was shown the full evidence of a row."""

    row_id: Name
    evidence_digest: Name


class Decision(_Event, frozen=True, tag="decision"):
    """A reviewer named the cause of a row's failure, and whose fault it is."""

    row_id: Name
    evidence_digest: Name
    bucket: Name
    attribution: Attribution
    secondary_dimensions: tuple[str, ...] = ()
    """Failed dimensions that are only consequences."""
    note: str | None = None
    quote: str | None = None
    adjudication: bool = False


class Finding(_Event, frozen=True, tag="finding"):
    """What a model does wrong, in plain words, with the rows that show it."""

    benchmark_name: str
    model_name: str
    bucket: Name
    what_goes_wrong: str
    triggers: str
    row_ids: tuple[str, ...]


class BucketDeclared(_Event, frozen=True, tag="bucket_declared"):
    """A new bucket."""

    bucket: Name
    description: str
    parent: Name


class Deferred(_Event, frozen=True, tag="deferred"):
    """A reviewer deferred a row."""

    row_id: Name
    note: str | None = None


class Retracted(_Event, frozen=True, tag="retracted"):
    """An event is retracted; the one before it applies again."""

    retracts: Name


Single = Opened | Decision | Finding | BucketDeclared | Deferred | Retracted


class Batch(_Event, frozen=True, tag="batch"):
    """Several events recorded at once."""

    events: tuple[Single, ...]


Event = Single | Batch

_KINDS: Final = frozenset(
    "opened decision finding bucket_declared deferred retracted batch".split()  # noqa: SIM905 - read as words
)
_decode: Final = msgspec.json.Decoder(Event).decode
_encode: Final = msgspec.json.Encoder().encode
_VERSIONS: Final = ("version", "schema_version")
_LAST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(seconds=1)
"""Every event is later than those before it: no event can follow one that is later than this."""
_DEEPEST: Final = 100
"""Nested lists and objects in a line. An event needs four; what Python itself can read differs by version."""


class EventError(ValueError):
    """A line is not a valid event; the message is the reason."""


def read_event(line: bytes) -> Event:
    """Decode one line of a ledger, whatever its date. Raises `EventError`."""
    try:
        if not line.isascii():
            line.decode()  # msgspec does not validate keys that it ignores
        if too_deep(line, _DEEPEST):
            raise EventError(f"not an event: nested more than {_DEEPEST} levels deep")
        event: Event = _decode(line)
        if b'version"' in line and _is_newer(msgspec.json.decode(line)):
            raise EventError("is from a newer version of this program")
    except UnicodeDecodeError as error:
        raise EventError(f"not UTF-8 at byte {error.start + 1}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventError(_reason(line, error)) from None
    return event


def _is_newer(found: object) -> bool:
    return isinstance(found, dict) and any(found.get(name, 1) != 1 for name in _VERSIONS)


def _reason(line: bytes, error: Exception) -> str:
    """Return what is wrong with a line that cannot be decoded as an event."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return f"not JSON: {error}"
    if not isinstance(found, dict):
        return "not a JSON object"
    kind = found.get("event")
    inner = found.get("events") if kind == "batch" else None
    kinds = [kind, *(each.get("event") for each in inner or () if isinstance(each, dict))]
    unknown = [each for each in kinds if isinstance(each, str) and each not in _KINDS]
    if _is_newer(found) or unknown:
        return f"event {(unknown or [str(kind)])[0]!r} is from a newer version of this program"
    return f"not a {kind} event: {error}" if isinstance(kind, str) else "no event is named"


def write_event(kind: str, who: Identity, at: datetime, fields: dict[str, Any]) -> dict[str, Any]:
    """Return an event as its line will hold it, with a new unique id."""
    return {
        "event": kind,
        "id": os.urandom(16).hex(),
        "at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "reviewer": who[0],
        "reviewer_kind": who[1],
        **fields,
    }


def as_line(event: dict[str, Any]) -> bytes:
    """Return an event as one line with its newline. Raises `UsageError` for text that is not valid Unicode."""
    try:
        return _encode(event) + b"\n"
    except UnicodeEncodeError:
        raise UsageError(Problem("", "a text is not UTF-8", "write it in UTF-8")) from None


def later_than(last: datetime | None) -> datetime:
    """Return the present moment, or the microsecond after the last event if that is later.

    Raises `UsageError` where no moment is later.
    """
    now = datetime.now(UTC)
    if last is None or last < now:
        return now
    try:
        return last.astimezone(UTC) + timedelta(microseconds=1)
    except OverflowError:
        what = f"the last event of the ledger is at {last.isoformat()}, and no event can be later"
        raise UsageError(Problem("", what, "set its line aside with `error-analysis review repair`")) from None


def last_moment(event: Event) -> datetime:
    """Return the latest moment that an event holds, inside a batch too."""
    return max([event.at, *(each.at for each in event.events)]) if isinstance(event, Batch) else event.at


def is_last(event: Event) -> bool:
    """Whether an event leaves no time for later ones."""
    return last_moment(event) > _LAST


def content(event: Event, line: bytes) -> dict[str, Any]:
    """Return all that the line of an event says, however it is written, for comparing two events of one id."""
    try:
        further: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:  # only in fields that are not ours
        further = {"": line}
    further.update(msgspec.to_builtins(event), at=event.at)
    return further
