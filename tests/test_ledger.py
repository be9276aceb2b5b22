"""The ledger as a function of its events: order, merging, retraction, what settles a row, and the gate."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from builders import as_line, write_lines
from hypothesis import given
from hypothesis import strategies as st

from pipeline import analyze
from pipeline.errors import InputError, UsageError
from pipeline.ledger import replay as replaying
from pipeline.ledger.buckets import Buckets
from pipeline.ledger.events import Opened
from pipeline.ledger.gate import DecidedRow, bucket_statuses, major_buckets
from pipeline.ledger.replay import Ledger
from pipeline.ledger.settle import settle
from pipeline.ledger.store import LEDGER, parse, read_ledger, writing
from pipeline.load.folder_rows import open_rows
from pipeline.review import decide as deciding
from pipeline.review import describe as describing
from pipeline.review import show as showing
from pipeline.review.folder import open_folder

START = datetime(2025, 1, 1, tzinfo=UTC)
ANN, BOB, BOT = ("ann", "human"), ("bob", "human"), ("ann", "agent")
ROW, OTHER = "run_a:1", "run_b:2"
NOW, BEFORE = "digest now", "digest before"
EMPTY, OTHER_MODE, FINER, NEW = "empty_response", "other", "error_recovery_failure", "lost_total"
ACTION = "tool_or_action_selection_error"


def event(kind, second, who=ANN, **fields):
    """Make an event as its line holds it; its id and its place follow from the second."""
    at = f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%fZ}"
    return {"event": kind, "id": f"e{second:02}", "at": at, "reviewer": who[0], "reviewer_kind": who[1]} | fields


def opened(second, who=ANN, row=ROW, digest=NOW, **fields):
    return event("opened", second, who, row_id=row, evidence_digest=digest) | fields


def decision(second, bucket=EMPTY, who=ANN, row=ROW, digest=NOW, **fields):
    fields = {"attribution": "model"} | fields
    return event("decision", second, who, row_id=row, evidence_digest=digest, bucket=bucket) | fields


def finding(second, bucket=EMPTY, rows=(ROW,), **fields):
    said = {"benchmark_name": "bench", "model_name": "m", "what_goes_wrong": f"w{second}", "triggers": "t"}
    return event("finding", second, bucket=bucket, row_ids=list(rows)) | said | fields


def declared(second, bucket=NEW, parent=EMPTY, **fields):
    return event("bucket_declared", second, bucket=bucket, parent=parent, description="new") | fields


def retracted(second, retracts, who=ANN):
    return event("retracted", second, who, retracts=retracts)


def batch(second, *events, **fields):
    return event("batch", second, events=list(events)) | fields


def events_of(*events):
    """Read events as a ledger file gives them."""
    lines = parse(b"".join(as_line(each) + b"\n" for each in events))
    assert not lines.bad
    return lines.events


def replay(*events):
    return replaying.replay(events_of(*events))


def state(*events):
    return settle(replay(*events), ROW, NOW).state


def bucket_of(*events):
    decided = settle(replay(*events), ROW, NOW).decision
    return decided and decided.bucket


BOTH_OPENED = (opened(1), opened(2, BOB))


# --- Properties ----------------------------------------------------------------------------------------------

rows, digests, people = (st.sampled_from(each) for each in ((ROW, OTHER), (NOW, BEFORE), (ANN, BOB, BOT)))
buckets = st.sampled_from((EMPTY, OTHER_MODE, FINER, NEW))
targets = st.integers(0, 12).map("e{:02}".format)
seconds = st.integers(0, 9)  # so few that many events share a moment
singles = st.one_of(
    st.builds(opened, seconds, people, rows, digests),
    st.builds(
        decision,
        seconds,
        buckets,
        people,
        rows,
        digests,
        attribution=st.sampled_from(("model", "grader")),
        adjudication=st.sampled_from((False, False, True)),
    ),
    st.builds(finding, seconds, buckets, st.lists(rows, unique=True)),
    st.builds(declared, seconds, parent=st.sampled_from((EMPTY, OTHER_MODE))),
    st.builds(lambda *given: event("deferred", given[0], given[1], row_id=given[2]), seconds, people, rows),
    st.builds(retracted, seconds, targets),
)
batches = st.builds(lambda second, inner: batch(second, *inner), seconds, st.lists(singles, max_size=3))


def numbered(events, ids):
    """Give each event, and each inside a batch, the next id."""
    found = []
    for each in events:
        inner = {"events": numbered(each["events"], ids)} if each["event"] == "batch" else {}
        found.append(each | inner | {"id": f"e{next(ids):02}"})
    return found


histories = st.lists(st.one_of(singles, singles, batches), max_size=12)
ledgers = histories.map(lambda events: numbered(events, iter(range(99))))
clashing = st.tuples(histories, st.lists(st.integers(0, 5), min_size=60, max_size=60)).map(
    lambda drawn: numbered(drawn[0], iter(drawn[1]))
)
"""Different events under one id, as only a damaged tool writes them: which one counts must not depend on order."""


def view(ledger):
    """Everything that a report takes from a ledger."""
    return {
        "events": ledger.events,
        "settled": [settle(ledger, row, digest) for row in (ROW, OTHER) for digest in (NOW, BEFORE)],
        "findings": ledger.findings,
        "buckets": {name: (ledger.buckets.parent(name), ledger.buckets.meaning(name)) for name in ledger.buckets},
        "undeclared": ledger.undeclared,
        "deferred": [ledger.deferred_by(who) for who in (ANN, BOB, BOT)],
    }


@given(st.one_of(ledgers, clashing), st.data())
def test_replay_of_a_shuffled_and_repeated_ledger_gives_the_same(events, data):
    copies = events + data.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([]))
    again = replay(*data.draw(st.permutations(copies)))
    assert view(again) == view(replay(*events))
    assert (again.ids, again.last) == (replay(*events).ids, replay(*events).last)


@given(st.one_of(ledgers, clashing), st.lists(st.integers(0, 12), max_size=4), st.booleans())
def test_a_ledger_that_is_followed_by_events_is_the_ledger_of_all(events, cuts, in_order):
    ordered = sorted(events, key=lambda each: each["at"]) if in_order else events
    parsed = parse(b"".join(as_line(each) + b"\n" for each in ordered)).events
    bounds = [0, *sorted(min(cut, len(parsed)) for cut in cuts), len(parsed)]
    grown = Ledger()
    for start, end in itertools.pairwise(bounds):
        before = view(grown)
        grown, old = grown.followed_by(parsed[start:end]), grown
        assert view(old) == before
    whole = replaying.replay(parsed)
    assert view(grown) == view(whole)
    assert (grown.ids, grown.last, grown.given) == (whole.ids, whole.last, whole.given)
    assert (grown.opened, grown.decisions) == (whole.opened, whole.decisions)


@given(st.one_of(ledgers, clashing), st.lists(st.integers(1, 7), min_size=12, max_size=12))
def test_merging_is_commutative_associative_and_idempotent(events, split):
    parts = [[each for each, where in zip(events, split, strict=False) if where & bit] for bit in (1, 2, 4)]
    a, b, c = (b"".join(as_line(each) + b"\n" for each in part) for part in parts)
    whole = view(replay(*events))
    for merged in (a + b + c, c + b + a, b + a + c, b + (c + a), a + b + c + a, (a + b + c) * 2):
        assert view(replaying.replay(parse(merged).events)) == whole


@given(ledgers)
def test_events_stand_in_the_order_of_moment_and_id(events):
    places = [(each.at, each.id) for each in replay(*events).events]
    assert places == sorted(places)
    assert len({name for _, name in places}) == len(places)


@given(ledgers.filter(bool), st.data())
def test_what_is_retracted_might_never_have_been_and_comes_back_with_its_retraction_retracted(events, data):
    taken = data.draw(st.sampled_from(events))
    back = retracted(50, taken["id"])
    assert view(replay(*events, back)) == view(replay(*(each for each in events if each is not taken)))
    assert view(replay(*events, back, retracted(51, back["id"]))) == view(replay(*events))


@given(ledgers)
def test_a_row_is_decided_only_by_decisions_on_its_evidence_that_were_opened_first(events):
    ledger = replay(*events)
    settled = settle(ledger, ROW, NOW)
    seen = [
        (each.who, each.row_id, each.evidence_digest, each.at) for each in ledger.events if isinstance(each, Opened)
    ]
    assert (settled.state == "decided") == (settled.decision is not None)
    assert len({each.who for each in settled.fitting}) == len(settled.fitting)
    for each in settled.fitting:
        assert any(shown[:3] == (each.who, ROW, NOW) and shown[3] <= each.at for shown in seen)


# --- What settles a row --------------------------------------------------------------------------------------


def test_a_row_goes_from_unopened_to_opened_to_decided():
    assert state() == "unopened"
    assert state(opened(1)) == "opened"
    assert state(opened(1), decision(2)) == "decided"
    assert bucket_of(opened(1), decision(2)) == EMPTY


@pytest.mark.parametrize(
    "seen",
    [
        opened(1, BOB),  # another person
        opened(1, BOT),  # the same name, but an agent
        opened(1, digest=BEFORE),  # other evidence
        opened(1, row=OTHER),  # another row
        opened(3),  # too late
        event("deferred", 1, row_id=ROW),  # not shown
    ],
)
def test_a_decision_does_not_count_unless_its_reviewer_had_opened_the_row_at_that_evidence(seen):
    assert bucket_of(seen, decision(2)) is None
    assert state(seen, decision(2)) in ("opened", "unopened")
    assert state(seen, decision(2), opened(4, BOB), decision(5, OTHER_MODE, BOB)) == "decided"  # no dispute


def test_the_last_decision_of_a_reviewer_counts_and_a_reviewer_is_a_name_and_a_kind():
    assert bucket_of(*BOTH_OPENED, decision(3), decision(4, OTHER_MODE)) == OTHER_MODE
    assert state(*BOTH_OPENED, decision(3), decision(4, OTHER_MODE, BOB)) == "disputed"
    assert state(*BOTH_OPENED, decision(3), decision(4, OTHER_MODE, BOB), decision(5, EMPTY, BOB)) == "decided"
    assert state(opened(1), opened(2, BOT), decision(3), decision(4, OTHER_MODE, BOT)) == "disputed"


def test_decisions_that_differ_in_attribution_alone_are_a_dispute_and_notes_are_none():
    assert state(*BOTH_OPENED, decision(3), decision(4, who=BOB, attribution="grader")) == "disputed"
    assert state(*BOTH_OPENED, decision(3, note="a"), decision(4, who=BOB, secondary_dimensions=["x"])) == "decided"


def test_an_adjudication_settles_and_the_latest_one_at_the_current_evidence_counts():
    dispute = (*BOTH_OPENED, decision(3), decision(4, OTHER_MODE, BOB))
    settled = (*dispute, decision(5, FINER, BOB, adjudication=True))
    assert bucket_of(*settled) == FINER
    assert bucket_of(*settled, decision(6, EMPTY)) == FINER  # a plain decision changes nothing
    assert bucket_of(*settled, decision(6, EMPTY, BOB)) == FINER  # nor does one by who settled it
    assert bucket_of(*settled, decision(6, EMPTY, adjudication=True)) == EMPTY
    assert bucket_of(*settled, decision(6, EMPTY, adjudication=True), retracted(7, "e06")) == FINER
    assert state(*settled, retracted(6, "e05")) == "disputed"
    assert state(*dispute, decision(5, FINER, BOT, adjudication=True)) == "disputed"  # it had not opened the row
    stale = (opened(5, digest=BEFORE), decision(6, FINER, digest=BEFORE, adjudication=True))
    assert state(*dispute, *stale) == "disputed"


def test_a_decision_is_stale_when_the_row_has_changed_until_somebody_decides_it_anew():
    old = (opened(1, digest=BEFORE), decision(2, digest=BEFORE))
    assert state(*old) == "stale"
    assert state(*old, opened(3)) == "stale"
    assert settle(replay(*old), ROW, NOW).decision is None
    assert bucket_of(*old, opened(3), decision(4, OTHER_MODE)) == OTHER_MODE  # the old one starts no dispute


def test_a_retraction_lets_what_stood_before_apply_again():
    changed = (opened(1), decision(2), decision(3, OTHER_MODE))
    assert bucket_of(*changed, retracted(4, "e03")) == EMPTY
    assert bucket_of(*changed, retracted(4, "e03"), retracted(5, "e04")) == OTHER_MODE
    assert bucket_of(*changed, retracted(4, "e03"), retracted(5, "e02")) is None
    assert bucket_of(*changed, retracted(4, "e99")) == OTHER_MODE
    assert state(*changed, retracted(4, "e01")) == "unopened"


def test_the_latest_finding_applies_and_a_retracted_one_gives_way():
    said = (finding(1), finding(2), finding(3, OTHER_MODE), finding(4, model_name="other"))
    assert [each.what_goes_wrong for each in replay(*said).findings] == ["w2", "w3", "w4"]
    assert [each.what_goes_wrong for each in replay(*said, retracted(5, "e02")).findings] == ["w1", "w3", "w4"]


def test_a_batch_counts_as_its_events_and_can_be_taken_back_whole_or_in_part():
    both = (opened(1), opened(2, row=OTHER), batch(5, decision(3), decision(4, OTHER_MODE, row=OTHER)))
    assert (bucket_of(*both), len(replay(*both).decisions)) == (EMPTY, 2)
    assert replay(*both, retracted(6, "e05")).decisions == {}
    assert set(replay(*both, retracted(6, "e03")).decisions) == {OTHER}
    assert bucket_of(*both, retracted(6, "e05"), retracted(7, "e06")) == EMPTY
    assert bucket_of(*both, batch(9, retracted(8, "e05")), retracted(10, "e09")) == EMPTY
    assert replay(*both).ids == {"e01", "e02", "e03", "e04", "e05"}
    assert len(replay(*both, decision(3)).decisions[ROW]) == 1  # the same event, outside the batch too


def test_a_bucket_that_nobody_declared_does_not_count():
    decided = (opened(1), decision(2), decision(3, NEW))
    assert bucket_of(*decided) == EMPTY
    assert [each.id for each in replay(*decided).undeclared] == ["e03"]
    assert bucket_of(*decided, declared(4)) == NEW
    assert bucket_of(*decided, declared(4, parent=FINER)) == EMPTY  # no such parent
    assert bucket_of(*decided, declared(4), retracted(5, "e04")) == EMPTY
    assert replay(finding(1, NEW)).findings == []
    known = replay(declared(4), declared(5, parent=OTHER_MODE), declared(6, EMPTY, OTHER_MODE)).buckets
    assert (known.parent(NEW), known.parent(EMPTY), known.parent(FINER)) == (EMPTY, EMPTY, ACTION)


# --- The gate ------------------------------------------------------------------------------------------------

UNIT = ("bench", "m")


@pytest.mark.parametrize(
    ("sizes", "major"),
    [
        ({"a": 1, "b": 0}, ["a"]),
        ({"a": 50, "b": 30, "c": 9, "d": 8}, ["a", "b", "c"]),
        ({"d": 8, "a": 50, "c": 8, "b": 30, "e": 7}, ["a", "b", "c", "d"]),  # a tie with the third
        ({"a": 1, "b": 1, "c": 1, "d": 1}, ["a", "b", "c", "d"]),
        ({"a": 30, "b": 30, "c": 30, "d": 10}, ["a", "b", "c", "d"]),  # a tenth, and no less
        ({"a": 31, "b": 30, "c": 30, "d": 10}, ["a", "b", "c"]),
    ],
)
def test_major_are_the_three_largest_with_ties_and_every_tenth(sizes, major):
    assert major_buckets(sizes) == major


@given(st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 40)))
def test_major_buckets_are_exactly_those_of_the_definition(sizes):
    whole = sum(sizes.values())
    larger = {name: sum(other > size for other in sizes.values()) for name, size in sizes.items()}
    expected = {name for name, size in sizes.items() if size and (larger[name] < 3 or 10 * size >= whole)}
    assert set(major_buckets(sizes)) == expected


def gate(sizes, decided, *findings, unit=UNIT):
    """Tell where the buckets of one model stand; `decided` maps row ids to (bucket, provisional mode)."""
    rows = [DecidedRow(row, unit, *modes) for row, modes in decided.items()]
    known = Buckets(events_of(declared(0)))
    return {each.bucket: each for each in bucket_statuses({UNIT: sizes}, rows, events_of(*findings), known)}


def rows_in(bucket, count, provisional=EMPTY):
    return {f"{bucket}:{n}": (bucket, provisional) for n in range(count)}


@pytest.mark.parametrize(("size", "needed"), [(1, 1), (2, 2), (40, 2)])
def test_a_major_bucket_needs_two_rows_or_all_and_a_finding(size, needed):
    said = finding(1, rows=[f"{EMPTY}:0"])
    for done in range(needed):
        assert gate({EMPTY: size}, rows_in(EMPTY, done), said)[EMPTY].state == "missing"
    met = gate({EMPTY: size}, rows_in(EMPTY, needed), said)[EMPTY]
    assert (met.state, met.decided, met.rows_needed) == ("met", needed, needed)
    assert gate({EMPTY: size}, rows_in(EMPTY, needed))[EMPTY].state == "missing"
    assert gate({EMPTY: size}, rows_in(EMPTY, needed), said, unit=("bench", "n"))[EMPTY].state == "missing"


@pytest.mark.parametrize(
    "said",
    [
        finding(1, rows=[f"{EMPTY}:0", f"{OTHER_MODE}:0"]),  # a row of another bucket
        finding(1, rows=[f"{EMPTY}:9"]),  # an undecided row
        finding(1, rows=[]),
        finding(1, OTHER_MODE, [f"{EMPTY}:0"]),
        finding(1, rows=[f"{EMPTY}:0"], model_name="n"),
        finding(1, rows=[f"{EMPTY}:0"], benchmark_name="another"),
    ],
)
def test_a_finding_counts_only_for_its_bucket_and_with_all_its_rows_decided_into_it(said):
    decided = rows_in(EMPTY, 2) | rows_in(OTHER_MODE, 2)
    assert gate({EMPTY: 3, OTHER_MODE: 3}, decided, said)[EMPTY].state == "missing"
    good = finding(0, rows=[f"{EMPTY}:0", f"{EMPTY}:1"])
    assert gate({EMPTY: 3, OTHER_MODE: 3}, decided, good, said)[EMPTY].state == "met"


def test_finer_and_declared_buckets_count_for_their_parents():
    decided = rows_in(FINER, 1) | rows_in(ACTION, 1) | rows_in(NEW, 2)
    said = (finding(1, FINER, [f"{ACTION}:0"]), finding(2, EMPTY, [f"{NEW}:1"]))
    found = gate({FINER: 1, ACTION: 4, NEW: 2}, decided, *said)
    assert {name: (each.state, each.rows, each.decided) for name, each in found.items()} == {
        ACTION: ("met", 5, 2),
        EMPTY: ("met", 2, 2),
    }


def test_a_bucket_of_which_one_of_ten_stayed_is_not_confirmed():
    moved = rows_in(OTHER_MODE, 9)
    one = gate({EMPTY: 5, OTHER_MODE: 9}, moved | rows_in(EMPTY, 1))[EMPTY]
    assert (one.state, one.tried, one.stayed) == ("not_confirmed", 10, 1)
    assert gate({EMPTY: 5}, rows_in(OTHER_MODE, 10))[EMPTY].state == "not_confirmed"
    assert gate({EMPTY: 5}, rows_in(OTHER_MODE, 9))[EMPTY].state == "missing"  # nine were tried
    assert gate({EMPTY: 5}, rows_in(OTHER_MODE, 10) | rows_in(EMPTY, 2))[EMPTY].state == "missing"  # two stayed
    assert gate({EMPTY: 1}, moved | rows_in(EMPTY, 1))[EMPTY].state == "missing"  # nothing provisional is left
    assert gate({EMPTY: 5}, rows_in(OTHER_MODE, 10, OTHER_MODE))[EMPTY].state == "missing"  # others were tried


# --- Lines that are no events --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"event": "opened"', "not JSON"),
        (b"\x00\x00", "not JSON"),
        (b"[" * 100_000, "nested more than 100 levels deep"),
        (as_line(opened(2)).replace(b"{", b'{"more": ' + b"[" * 101 + b"]" * 101 + b",", 1), "levels deep"),
        (as_line(opened(2)).replace(b"{", b'{"version": 1e999, ', 1), "not JSON"),
        (b" ", "not JSON"),
        (b"\xef\xbb\xbf" + as_line(opened(2)), "not JSON"),
        (b"[]", "not a JSON object"),
        ({"event": 7}, "no event is named"),
        (as_line(opened(2)).replace(b"ann", b"\xff"), "not UTF-8"),
        (as_line(opened(2)).replace(b'"id"', b'"\xff": 1, "id"'), "not UTF-8"),
        (event("approved", 2), "newer version"),
        (event("approved", 2, schema_version=2), "newer version"),
        (opened(2, row=7, version=2), "newer version"),
        (opened(2, version=2), "newer version"),
        (batch(4, event("approved", 2)), "newer version"),
        (opened(2, row=7), "not a opened event"),
        (opened(2, reviewer_kind="robot"), "reviewer_kind"),
        (opened(2, id=""), "id"),
        (opened(2, at="2025-01-01T00:00:00"), "at"),  # in no time zone
        (decision(2, attribution="nobody"), "attribution"),
        (decision(2, adjudication="yes"), "adjudication"),
        (finding(2) | {"row_ids": ROW}, "row_ids"),
        (batch(4, opened(2), batch(3)), "batch"),
        (batch(4, {"event": "opened"}), "events"),
        ({name: value for name, value in opened(2).items() if name != "at"}, "at"),
    ],
)
def test_a_line_that_is_no_event_is_an_error_with_its_number(tmp_path, line, fault):
    write_lines(tmp_path / LEDGER, [opened(1), b"", line, opened(3), line])
    with writing(tmp_path) as writer:
        for read in (lambda: read_ledger(tmp_path), lambda: writer.ledger):
            with pytest.raises(InputError, match="reviews") as caught:
                read()
            assert [problem.where for problem in caught.value.problems] == [f"{tmp_path / LEDGER}:{n}" for n in (3, 5)]
            assert all(fault in problem.what and problem.fix for problem in caught.value.problems)


# --- What the commands write ---------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [None, "2999-12-31T23:59:59.999999+02:00"])
def test_events_are_written_in_utc_later_than_all_before_even_when_those_lie_in_the_future(comparison, tmp_path, last):
    out = tmp_path / "out"
    analyze(comparison, output=out)
    path = out / LEDGER
    if last:
        write_lines(path, [opened(1), batch(2, opened(3, at=last)), opened(4)])
    before, planted = datetime.now(UTC), path.read_bytes().count(b"\n") if last else 0
    folder, look = open_folder(out, open_rows), showing.ViewOptions()
    draft = deciding.Draft(ROW, EMPTY, "model")
    with pytest.raises(UsageError, match="has not opened"):
        deciding.record(folder, ANN, draft)
    assert len(path.read_bytes().splitlines()) == planted
    showing.show(folder, ANN, ROW, look)
    showing.next_rows(folder, ANN, showing.Filters(model="model-b"), 5, look)
    deciding.record(folder, ANN, draft)
    deciding.defer(folder, ANN, OTHER, None)
    describing.add_bucket(folder, ANN, NEW, "new", EMPTY)
    rows = [{"row_id": row, "bucket": NEW, "attribution": "model"} for row in ("run_b:1", OTHER)]
    deciding.import_decisions(folder, ANN, write_lines(tmp_path / "import.jsonl", rows))
    deciding.undo(folder, ANN)
    written = [json.loads(line) for line in path.read_bytes().splitlines()[planted:]]
    assert [each["event"] for each in written] == (
        ["opened"] * 3 + ["decision", "deferred", "bucket_declared", "batch", "retracted"]
    )
    flat = [part for each in written for part in (*each.get("events", ()), each)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", each["at"]) for each in flat)
    moments = [datetime.fromisoformat(each["at"]) for each in flat]
    first = datetime.fromisoformat(last) if last else before
    assert all(early < late for early, late in zip([first, *moments], moments, strict=False))
    assert len({each["id"] for each in flat}) == len(flat)
