"""Markdown: whatever a model or a judge wrote is shown as it stands, and never becomes markup."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.export.formats.markdown import escape, escape_line, render
from pipeline.load.edited import is_unedited
from pipeline.report.blocks import BulletList, Code, Datapoint, Heading, Paragraph, Quote, Report, Strong, Table
from pipeline.report.text import visible, visible_name

READERS = {
    "commonmark": MarkdownIt("commonmark").enable("table"),
    "gfm": MarkdownIt("commonmark").enable(["table", "strikethrough"]),
}
HOSTILE = [
    "a | b || c",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "a\n---",
    "a\n===",
    "a\n:-:",
    "- a\n- b",
    "+ a",
    "* a",
    "1. a",
    "1) a",
    "# a",
    "a #",
    "> a",
    "---",
    "***",
    "___",
    "`a`",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "~~a~~",
    "    indented",
    "\tindented",
    "*a* _b_ **c** __d__ ***e***",
    "a*b*c a_b_c _a_",
    "[x](http://y)",
    "![x](y)",
    "[x]: http://y",
    "[x][y] [^1]",
    "<http://x>",
    "<a@b.example>",
    "<script>alert(1)</script>",
    "<!-- x -->",
    "<!-- sha256:" + "0" * 64 + " -->",
    "&amp; &lt; &#35; &copy; &",
    "$x$ $$y$$",
    r"\* \\ \| \`",
    "\\",
    "a\\\nb",
    "a  \nb",
    "a\\|b",
    "`a | b`",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "\u202eevil\u202c \u200b\u2066x\u2069",
    "\x1b[31mred\x07",
    "a\r\nb\rc",
    "\ufeffa",
    "",
    " ",
    "\n\n",
    "> - 1. # `",
    "1e5",
    "007",
    "- [ ] a",
    "Setext\n-",
    "=",
    ":::note",
    "\U000e0041x",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.sampled_from("ab1 \n\t|`*_[]()<>!#+-=.~$&;:\\\"'{}^@/\r\u2028\u202e\u00a0")),
)


def with_hostile_examples(test):
    for text in HOSTILE:
        test = example(text=text)(test)
    return test


def parsed(markdown, reader="gfm"):
    return READERS[reader].parse(markdown)


def shown(token):
    """Give what a reader of the page sees of an inline token."""
    parts = []
    for child in token.children:
        match child.type:
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "strong_open" | "strong_close":
                pass
            case "text" | "code_inline" | "text_special":
                parts.append(child.content)
            case other:
                raise AssertionError(f"{other} in {token.content!r}")
    return "".join(parts)


def seen(text):
    """Give the text as a reader sees it: hidden characters and line breaks written out, spaces collapsed."""
    return " ".join(visible_name(text).split())


def body(*blocks):
    """Render blocks alone, without title, stamp and digest."""
    text = render(Report("t", "s", blocks)).decode()
    assert text.startswith("# t\n\n**Status: s**\n\n")
    return text.removeprefix("# t\n\n**Status: s**\n\n").rpartition("<!--")[0]


# --- Tables --------------------------------------------------------------------------------------------------


def cells(markdown, reader):
    """Read the one table of a text: its rows of what the cells show."""
    tokens = parsed(markdown, reader)
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    rows = []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("th_open", "td_open"):
            rows[-1].append(shown(token))
    return rows


INLINES = st.one_of(TEXTS, TEXTS.map(Code), TEXTS.map(Strong))


def words_of(inline):
    return inline if isinstance(inline, str) else inline.text


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_any_text_in_a_table_leaves_its_rows_and_columns_and_is_shown_as_it_is(reader, data):
    width = data.draw(st.integers(1, 4))
    header = tuple(data.draw(TEXTS) for _ in range(width))
    inlines = st.one_of(TEXTS, TEXTS.map(Code))
    rows = tuple(tuple(data.draw(inlines) for _ in range(width)) for _ in range(data.draw(st.integers(0, 3))))
    numeric = tuple(data.draw(st.booleans()) for _ in range(width))
    found = cells(body(Table(header, rows, numeric)), reader)
    assert [[seen(cell) for cell in row] for row in found] == [
        [seen(words_of(cell)) for cell in row] for row in (header, *rows)
    ]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [str, Code])
def test_a_hostile_cell_stays_a_cell(reader, text, kind):
    table = Table(("a", "b"), ((kind(text), "x"), ("y", kind(text))), (False, True))
    assert cells(body(table), reader) == [["a", "b"], [seen(text), "x"], ["y", seen(text)]]


def test_a_table_without_rows_keeps_its_alignment():
    assert body(Table(("a", "b"), (), (False, True))) == "| a   |   b |\n|:----|----:|\n\n"


def test_a_wide_character_counts_as_one_column_whatever_is_installed():
    lines = body(Table(("a", "b"), (("日本語の名前", "1"), ("x", "2")), (False, True))).split("\n")
    assert len({len(line) for line in lines if line}) == 1


def test_a_cell_that_looks_like_a_number_stays_text():
    assert "| 007 | 1e5 |" in body(Table(("a", "b"), (("007", "1e5"),), (False, True))).replace("  ", " ").replace(
        "  ", " "
    )


# --- Quotes --------------------------------------------------------------------------------------------------


def quote(text, **options):
    return Datapoint("r:1", "b", "m", 1, (("fact",),), (Quote("Label", text, len(text), **options),))


def quoted_lines(markdown, reader):
    """Read a datapoint's one quote: what is shown, line by line."""
    tokens = parsed(markdown, reader)
    kinds = [token.type.removesuffix("_open") for token in tokens if token.nesting == 1]
    assert kinds[:2] == ["paragraph", "blockquote"]
    assert set(kinds[2:]) <= {"paragraph"}
    assert kinds.count("blockquote") == 1
    assert tokens[-1].type == "blockquote_close"
    start = next(i for i, token in enumerate(tokens) if token.type == "blockquote_open")
    inline = [token for token in tokens[start:] if token.type == "inline"]
    first = inline[0].children
    assert [token.type for token in first[:4]] == ["text", "strong_open", "text", "strong_close"]
    for token in inline:
        assert [child.type for child in token.children].count("strong_open") == (token is inline[0])
    text = "\n".join(shown(token) for token in inline)
    assert text.startswith("Label:")
    return text.removeprefix("Label:").split("\n")


def content_lines(lines):
    return [" ".join(line.split()) for line in lines if line.strip()]


@pytest.mark.parametrize("reader", READERS)
@with_hostile_examples
@given(text=TEXTS)
def test_any_text_in_a_quote_is_inert_and_shown_line_by_line(reader, text):
    found = content_lines(quoted_lines(body(quote(text)), reader))
    assert found == (content_lines(visible(text).split("\n")) if text.strip() else ["(empty)"])


@pytest.mark.parametrize("reader", READERS)
@with_hostile_examples
@given(text=TEXTS)
def test_any_payload_in_a_quote_is_inert_and_shown_on_one_line(reader, text):
    (found,) = quoted_lines(body(quote(text, kind="json")), reader)
    assert " ".join(found.split()) == " ".join(visible(text).split())


def test_a_quote_that_was_cut_says_so():
    point = Datapoint("r:1", "b", "m", 1, (("fact",),), (Quote("Judge", "abc…", 1234),))
    assert "> **Judge** (cut, 1234 characters in the packet): abc…" in body(point)


# --- Headings, paragraphs, lists -----------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS)
@with_hostile_examples
@given(text=TEXTS)
def test_any_text_in_a_heading_stays_one_heading(reader, text):
    tokens = parsed(body(Heading(3, ("Model ", text))), reader)
    assert [token.type for token in tokens] == ["heading_open", "inline", "heading_close"]
    assert tokens[0].tag == "h3"
    assert seen(shown(tokens[1])) == seen(f"Model {text}")


@pytest.mark.parametrize("reader", READERS)
@with_hostile_examples
@given(text=TEXTS)
def test_any_text_in_a_paragraph_or_a_list_stays_there(reader, text):
    tokens = parsed(body(Paragraph(("A ", text, " ", Code(text), " z"))), reader)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert seen(shown(tokens[1])) == seen(f"A {text} {text} z")
    tokens = parsed(body(BulletList((("A ", text, " z"), ("b",)))), reader)
    assert [token.content for token in tokens if token.type == "inline"][1:] == ["b"]
    assert seen(shown(next(token for token in tokens if token.type == "inline"))) == seen(f"A {text} z")


@pytest.mark.parametrize(
    ("label", "after"),
    [("Costs:", " word"), ("Costs", ": word"), ("7/75, 9.3%", "; x"), ("7/75, 9.3%", " x")],
)
def test_a_strong_label_is_strong_whatever_follows(label, after):
    (inline,) = (token for token in parsed(body(Paragraph((Strong(label), after)))) if token.type == "inline")
    assert [child.type for child in inline.children].count("strong_open") == 1
    assert seen(shown(inline)) == seen(label + after)


@given(text=TEXTS)
def test_the_title_is_one_heading(text):
    first = parsed(render(Report(f"Analysis: {text} end", "s", ())).decode())[:3]
    assert [token.type for token in first] == ["heading_open", "inline", "heading_close"]
    assert seen(shown(first[1])) == seen(f"Analysis: {text} end")


# --- Escaping by itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\n" not in text and text.strip()])
def test_an_escaped_line_is_a_paragraph_of_text(text):
    line = visible(text).strip().replace("\t", " ")
    tokens = parsed(escape_line(line))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children} <= {"text", "text_special"}
    assert shown(tokens[1]) == line


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_escape_can_be_undone_by_any_reader(text):
    tokens = parsed(f"x{escape(text)}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert " ".join(shown(tokens[1]).split()) == " ".join(f"x{text}x".split())


@given(TEXTS)
def test_no_hidden_character_reaches_the_report(text):
    report = render(Report(text, "s", (quote(text), Table(("a",), ((text,),), (False,)), Heading(2, (text,))))).decode()
    assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Zl", "Zp") for char in report)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff]", report)


# --- The digest line -----------------------------------------------------------------------------------------

REPORT = render(Report("Deep error analysis: x", "PROVISIONAL", (Heading(2, ("A",)), Paragraph(("Words.",)))))


def test_a_report_is_unedited_as_generated():
    assert REPORT.rstrip().splitlines()[-1].startswith(b"<!-- sha256:")
    assert is_unedited(REPORT)


@given(st.integers(0, len(REPORT)), st.binary(min_size=1, max_size=5))
def test_anything_inserted_makes_a_report_edited(place, extra):
    assert not is_unedited(REPORT[:place] + extra + REPORT[place:])


@given(st.integers(0, len(REPORT) - 2), st.integers(1, 20))
def test_anything_taken_away_makes_a_report_edited(place, n):
    left = REPORT[:place] + REPORT[place + n :]
    assert left.rstrip(b"\n") == REPORT.rstrip(b"\n") or not is_unedited(left)


@given(st.integers(0, len(REPORT) - 2), st.integers(0, 255))
def test_any_byte_changed_makes_a_report_edited(place, byte):
    changed = bytearray(REPORT)
    changed[place] = byte
    assert bytes(changed) == REPORT or not is_unedited(bytes(changed))


def test_a_report_is_edited_when_the_digest_line_is_gone_or_replaced():
    assert not is_unedited(b"")
    assert not is_unedited(REPORT.rpartition(b"<!--")[0])
    assert not is_unedited(re.sub(rb"sha256:\w+", b"sha256:" + b"0" * 64, REPORT))
    assert not is_unedited(REPORT.replace(b"\n", b"\r\n"))
