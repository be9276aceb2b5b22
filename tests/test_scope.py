"""What is denied, conceded, quoted or praised is no complaint; what states the failure is."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.rules.reasoning import split_reasoning
from pipeline.rules.ruleset import Rule
from pipeline.rules.scorer import negated

INVENTED = Rule("invents", "other", "It invents.", pattern=(r"\binvent\w*",))


def complaints(text, failed=(), others=()):
    """Return the sentences of a text that complain, each with its weight, as the rules read them."""
    found = split_reasoning([text], [tuple(failed)], [tuple(others)])
    return {
        said: weight for said, weight in zip(found.complaint.to_pylist(), found.weight.tolist(), strict=True) if weight
    }


def weight_of(text, rule=INVENTED, **dimensions):
    """Return the weight of the sentence that a rule matches, 0 if it matches none."""
    said = complaints(text, **dimensions)
    array = pa.array(list(said), pa.large_string())
    hits = pc.match_substring_regex(array, rule.expression, ignore_case=True).to_pylist()
    denied = negated(array, rule).tolist()
    return max(
        (weight for weight, hit, no in zip(said.values(), hits, denied, strict=True) if hit and not no), default=0
    )


@pytest.mark.parametrize(
    "text",
    [
        "It invented a fee.",
        "The reply was polite. It invented a fee.",
        "Not short, but the fee is invented.",
        "It called the tool, and it invented a fee.",
        "It did not wait but invented a fee.",
        "Everything else is correct; the fee was invented.",
    ],
)
def test_a_stated_fault_counts_in_full(text):
    assert weight_of(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It did not invent a fee. The tone is off.",
        "Nothing was invented here. The tone is off.",
        "It never invented any of this; the tone is off.",
        "It answered without inventing anything. The tone is off.",
        'The user said "you invented that fee", and the tone is off.',
        "The caller says 'you invented that', and the tone is off.",
        "The judge of the run wrote “it invented a fee” and the tone is off.",
        "The caller says «you invented that fee» and the tone is off.",
        "No problem with invented facts here. The tone is off.",
        "Although nothing is invented, the tone is off.",
    ],
)
def test_a_denied_or_quoted_fault_does_not_count(text):
    assert weight_of(text) == 0


def test_what_a_conclusion_acquits_is_no_complaint():
    text = "All three errands were run, so completeness is not the problem. The nurse was booked twice."
    assert list(complaints(text)) == ["The nurse was booked twice."]


def test_a_concession_before_the_point_is_left_out_and_one_behind_it_is_kept():
    assert list(complaints("Although the look-up was made, the fee is invented.")) == ["the fee is invented."]
    assert "already" in next(iter(complaints("It asked for the name although she had already given it.")))


def test_the_point_weighs_more_and_a_minor_remark_less():
    assert weight_of("The main problem is that it invented a fee.") > 1
    assert 0 < weight_of("A minor thing is that it invented a fee.") < 1


def test_praise_is_no_complaint_unless_it_blames_too():
    assert list(complaints("The reference is quoted correctly. The tone is off.")) == ["The tone is off."]
    assert "The reference is not quoted correctly." in complaints("The reference is not quoted correctly.")


def test_the_account_of_a_dimension_that_passed_is_no_complaint():
    text = "kb_grounding: the fee is invented. tool_use_correct: it never looked it up."
    assert weight_of(text, failed=["tool_use_correct", "kb_grounding"]) == 1
    assert weight_of(text, failed=["tool_use_correct"], others=["kb_grounding"]) == 0
    lines = "**KB** - pass. The fee is invented by nobody.\n**Tools** - fail. It never looked it up."
    assert list(complaints(lines, failed=["tools"], others=["kb"])) == ["**Tools** - fail.", "It never looked it up."]


@pytest.mark.parametrize(
    "text",
    [
        '{"verdict": "fail", "strengths": ["did not invent a fee"], "violations": ["It invented a discount"]}',
        "strengths: nothing invented, all sound\nproblem: it invented a discount\n",
        "<good>the invented joke is fine</good>\n<bad>It invented a discount.</bad>",
    ],
)
def test_a_structured_verdict_is_read_by_its_headings(text):
    said = " ".join(complaints(text))
    assert "discount" in said
    assert "joke" not in said
    assert weight_of(text) == 1


def test_where_nothing_complains_everything_is_read():
    assert list(complaints("Correct and polite.")) == ["Correct and polite."]


def test_sentences_are_verbatim():
    text = 'First, e.g. the fee.  It said "no. Never." and left.\nNext line: odd'
    found = split_reasoning([text], [()], [()]).text
    assert found == ["First, e.g. the fee.", 'It said "no. Never." and left.', "Next line: odd"]


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", '"', "'", "—", "...", "“unclosed", "a" * 5000, "é𝄞\u2028", "¶ ¶", "{[", "</", "a:"]
)
def test_any_text_can_be_read(text):
    assert weight_of(text) == 0


@pytest.mark.parametrize("text", ["a" * 300_000, "not-" * 100_000, ".a" * 150_000, "a, " * 100_000, "'a" * 100_000])
def test_words_without_end_are_read(text):
    assert weight_of(text) == 0
