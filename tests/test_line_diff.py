"""What differs between two texts: exact, and in a time that grows with their length."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.line_diff import changed_lines

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]) | st.text(max_size=2), max_size=40)


def apply(old, new, changes):
    """Replace the changed lines of `old` by those of `new`."""
    result, place = [], 0
    for first, last, start, end in changes:
        assert place <= first <= last <= len(old)
        assert (first, start) < (last, end) or first < last or start < end
        result += [*old[place:first], *new[start:end]]
        place = last
    return result + old[place:]


@given(TEXTS, TEXTS)
def test_the_changes_make_one_text_of_the_other(old, new):
    assert apply(old, new, changed_lines(old, new)) == new


@given(TEXTS)
def test_equal_texts_have_no_changes(text):
    assert list(changed_lines(text, text)) == []


def test_a_line_that_was_put_in_is_the_only_change():
    old = [str(number) for number in range(1000)]
    assert list(changed_lines(old, [*old[:400], "new", *old[400:]])) == [(400, 400, 400, 401)]
    assert list(changed_lines(old, old[:400] + old[401:])) == [(400, 401, 400, 400)]


def test_texts_of_the_same_few_lines_are_compared_in_a_linear_time():
    def text(shift):
        return [f"{{{n % 7 == shift}, {n % 3}" for n in range(200_000)]

    begun = time.process_time()
    old, new = text(0), [*text(1), "more"]
    assert apply(old, new, changed_lines(old, new)) == new
    assert time.process_time() - begun < 5
