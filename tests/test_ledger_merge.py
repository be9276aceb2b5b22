"""Merging ledgers: conflicts are named, no line is changed, nothing from the future; hostile lines are refused."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from builders import as_line
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError, UsageError
from pipeline.ledger.store import LEDGER, LedgerFile, parse, read_ledger, writing
from pipeline.review.merge import merge
from pipeline.review.text import listed, named

START = datetime(2025, 1, 1, tzinfo=UTC)


def event(name, second=0, **fields):
    made = {"event": "decision", "id": name, "reviewer": "ann", "reviewer_kind": "human", "row_id": "run_a:1"}
    made |= {"at": f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%fZ}", "evidence_digest": "d"}
    return made | {"bucket": "other", "attribution": "model"} | fields


def batch(name, *events):
    return {name: value for name, value in event(name).items() if name in ("id", "at", "reviewer", "reviewer_kind")} | {
        "event": "batch",
        "events": list(events),
    }


def ledger(path, events):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(as_line(each) + b"\n" for each in events))
    return path


def folder_of(path, events):
    """Make what `merge` needs of a folder."""
    ledger(path / LEDGER, events)
    return SimpleNamespace(path=path, ledger_file=LedgerFile(path))


def lines_in(folder):
    return (folder.path / LEDGER).read_bytes().split(b"\n")[:-1]


def refused(folder, *files, **options):
    before = lines_in(folder)
    with pytest.raises(InputError) as caught:
        merge(folder, files, **options)
    assert lines_in(folder) == before
    return caught.value.problems


# --- Properties ----------------------------------------------------------------------------------------------

names = st.sampled_from("abcdef")
apart = st.lists(names, unique=True).map(lambda ids: [event(name, ord(name)) for name in ids])
"""Ledgers in which an id always means the same event."""
clashing = st.lists(
    st.one_of(
        st.builds(event, names, st.integers(0, 1), bucket=st.sampled_from(("other", "empty_response"))),
        st.builds(lambda name, inner: batch(name, *inner), names, st.lists(st.builds(event, names), max_size=2)),
    ),
    max_size=5,
)


def merged(place, first, *others):
    folder = folder_of(place / "out", first)
    merge(folder, [ledger(place / f"{number}.jsonl", events) for number, events in enumerate(others)])
    return lines_in(folder)


@given(apart, apart, apart)
def test_merging_is_idempotent_commutative_up_to_order_and_associative(a, b, c):
    with TemporaryDirectory() as name:
        place = Path(name)
        together = merged(place, a, b, c)
        assert together[: len(a)] == [as_line(each) for each in a]
        assert len(set(together)) == len(together)
        assert merged(place, a, b, c, b, a) == together
        assert sorted(merged(place, c, b, a)) == sorted(together)
        inner = [json.loads(line) for line in merged(place, b, c)]
        assert sorted(merged(place, a, inner)) == sorted(together)


@given(clashing, clashing)
def test_conflicts_are_always_named_and_the_lines_there_stay_first(mine, theirs):
    with TemporaryDirectory() as name:
        place = Path(name)
        folder, other = folder_of(place / "out", mine), ledger(place / "other.jsonl", theirs)
        before = lines_in(folder)
        said = merge(folder, [other], skip_conflicts=True).data
        after = lines_in(folder)
        assert after[: len(before)] == before
        skipped = {int(entry["where"].rpartition(":")[2]) for entry in said["skipped"]}
        for number, each in enumerate(theirs, 1):
            assert (number in skipped) != (as_line(each) in after)
        (place / "out" / LEDGER).write_bytes(b"".join(line + b"\n" for line in before))
        if skipped:
            problems = refused(folder, other)
            assert {problem.where for problem in problems} == {f"{other}:{number}" for number in skipped}
        else:
            merge(folder, [other])
            assert lines_in(folder) == after


def test_a_line_merged_is_never_a_second_one_of_its_id():
    with TemporaryDirectory() as name:
        one, two = event("a"), event("a", bucket="empty_response")
        folder = folder_of(Path(name) / "out", [])
        (problem,) = refused(folder, ledger(Path(name) / "1", [one]), ledger(Path(name) / "2", [two]))
        assert problem.where == f"{Path(name) / '2'}:1"
        assert f"{Path(name) / '1'}:1" in problem.what


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (event("a"), event("a", note="more")),
        (event("a"), event("a", 1)),
        (event("a"), event("a", more="of a later version")),
        (event("a"), batch("a", event("b"))),
        (event("a"), batch("b", event("a", bucket="empty_response"))),
        (batch("b", event("a")), event("a", bucket="empty_response")),
        (batch("b", event("a")), batch("c", event("a", note="x"))),
    ],
)
def test_an_event_whose_id_exists_with_other_content_is_a_conflict(tmp_path, mine, theirs):
    folder = folder_of(tmp_path / "out", [mine])
    other = ledger(tmp_path / "other.jsonl", [theirs, event("new", 3)])
    (problem,) = refused(folder, other)
    assert problem.where == f"{other}:1"
    assert f"{tmp_path / 'out' / LEDGER}:1" in problem.what
    assert "--skip-conflicts" in problem.fix
    answer = merge(folder, [other], skip_conflicts=True)
    assert lines_in(folder) == [as_line(mine), as_line(event("new", 3))]
    assert [entry["where"] for entry in answer.data["skipped"]] == [f"{other}:1"]
    assert f"{other}:1" in answer.text


@pytest.mark.parametrize(
    "again",
    [
        json.dumps(event("a"), indent=None, separators=(" , ", ": ")).encode(),
        as_line(event("a", note=None)),
        as_line(event("a")).replace(b"00.000000Z", b"00+00:00"),
        as_line(event("a")) + b"\r",
    ],
)
def test_the_same_event_written_otherwise_is_no_conflict(tmp_path, again):
    folder = folder_of(tmp_path / "out", [event("a")])
    (tmp_path / "other.jsonl").write_bytes(again + b"\n")
    assert merge(folder, [tmp_path / "other.jsonl"]).data["already_there"] == 1


def test_only_a_merge_refuses_the_future_and_names_line_and_time(tmp_path):
    now = datetime.now(UTC)
    soon, late = ((now + timedelta(minutes=n)).isoformat() for n in (4, 7))
    folder = folder_of(tmp_path / "out", [event("a")])
    other = ledger(
        tmp_path / "other.jsonl", [event("b", at=soon), event("c", at=late), batch("d", event("e", at=late))]
    )
    for options in ({}, {"skip_conflicts": True}):
        problems = refused(folder, other, **options)
        assert [problem.where for problem in problems] == [f"{other}:2", f"{other}:3"]
        assert all(late in problem.what for problem in problems)
    assert len(read_ledger(folder_of(tmp_path / "there", [event("c", at=late)]).path).events) == 1
    assert merge(folder, [ledger(other, [event("b", at=soon)])]).data["added"] == 1


def test_many_skipped_events_are_counted_in_the_text_and_listed_in_the_data(tmp_path):
    folder = folder_of(tmp_path / "out", [event(f"e{n}") for n in range(500)])
    other = ledger(tmp_path / "other.jsonl", [event(f"e{n}", note="x") for n in range(500)])
    answer = merge(folder, [other], skip_conflicts=True)
    assert len(answer.data["skipped"]) == 500
    assert len(answer.text.splitlines()) < 30
    assert "and 480 more" in answer.text


# --- Hostile lines -------------------------------------------------------------------------------------------

tokens = st.sampled_from(
    [*'{}[],:"\\ \r\t', "\ufeff", "\u2028", "\x00", "\\ud800", "1e999", "NaN", "null", '"version"', '"id"', "{" * 200]
)
mangled = st.tuples(st.sampled_from([event("a"), batch("b", event("a"))]), st.integers(0, 300), tokens).map(
    lambda drawn: (line := as_line(drawn[0]).decode())[: drawn[1]] + drawn[2] + line[drawn[1] :]
)
nested = st.tuples(st.integers(1, 3000), st.booleans()).map(
    lambda drawn: as_line(event("a")).decode().replace("{", '{"x": ' + "[" * drawn[0] + "]" * drawn[0] * drawn[1], 1)
)
hostile = st.one_of(
    st.binary(max_size=60), st.one_of(mangled, nested, st.lists(tokens).map("".join)).map(lambda text: text.encode())
).filter(lambda line: b"\n" not in line)


@given(hostile)
def test_a_line_is_an_event_or_refused_in_one_line_with_its_number(line):
    lines = parse(as_line(event("z")) + b"\n" + line + b"\n")
    assert len(lines.events) + len(lines.bad) == (1 if line in (b"", b"\r") else 2)
    assert all(number == 2 and "\n" not in reason for number, _, reason in lines.bad)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_a_writer_appends_every_reader_takes(value):
    with TemporaryDirectory() as name:
        with writing(Path(name)) as writer, suppress(UsageError):
            writer.append([event("a", note=value), event("b", more=value)])
        assert len(read_ledger(Path(name)).given) == (2 if isinstance(value, str) else 0)


# --- Long answers --------------------------------------------------------------------------------------------


@given(st.integers(0, 100))
def test_a_long_list_says_how_many_there_are_more(number):
    lines = [f"  line {n}" for n in range(number)]
    shown = listed(lines)
    assert len(shown) <= 21
    if shown != lines:
        assert shown[:20] == lines[:20]
        assert shown[20].strip().startswith(f"and {number - 20} more")
    assert named(map(str, range(number))).count(",") + 1 <= 21


def test_a_name_with_a_line_break_stays_on_its_line():
    assert "\n" not in named(["a:1\nDecided: all"])
