"""What is denied, conceded, quoted or praised is no evidence; what states the failure is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.rules.reasoning import Reasoning

INVENTED = ("invent",)


def says(text, *patterns, failed=None, others=None):
    """Return the weight of the clause in which a text matches a concept pattern, 0 if none does."""
    named = ([tuple(failed or ())], [tuple(others or ())])
    found = Reasoning(pa.array([text], pa.large_string()), *named).search_concepts(patterns)
    return float(found.weight[0]) if len(found.text) else 0.0


@pytest.mark.parametrize(
    "text",
    [
        "It invented a fee.",
        "The reply was polite. It invented a fee.",
        "It did not only invent a fee; it invented a policy.",
        "Not short, but the fee is invented.",
        "It called the tool, and it invented a fee.",
    ],
)
def test_a_stated_fault_counts_in_full(text):
    assert says(text, *INVENTED) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It did not invent a fee.",
        "Nothing was invented here.",
        "It never invented any of this.",
        "It answered without inventing anything.",
        'The user said "you invented that fee".',
        "The caller says 'you invented that'.",
        "The judge of the run wrote “it invented a fee”.",
        "The caller says «you invented that fee».",
        "The caller says „you invented that fee“.",
    ],
)
def test_a_denied_or_quoted_fault_does_not_count(text):
    assert says(text, *INVENTED) == 0


def test_a_negation_ends_at_a_comma_an_and_or_a_turn():
    assert says("It did not wait, it invented a fee.", *INVENTED) == 1
    assert says("It did not wait and invented a fee.", *INVENTED) == 1
    assert says("It did not wait but invented a fee.", *INVENTED) == 1


def test_what_is_negated_can_be_asked_for():
    assert says("It did not call the tool.", "!tool") == 1
    assert says("It called the tool.", "!tool") == 0
    assert says("It called the tool.", "~tool") == 1


def test_a_concession_weighs_little_and_the_point_much():
    conceded = says("Although it invented a fee, the call is the point.", *INVENTED)
    assert 0 < conceded < 0.5
    assert says("The main problem is that it invented a fee.", *INVENTED) > 1
    assert 0 < says("A minor thing is that it invented a fee.", *INVENTED) < 1
    assert 0 < says("It lost the date, so it invented a fee.", *INVENTED) < 1


def test_praise_says_nothing():
    assert says("The reference is quoted correctly.", "reference") == 0
    assert says("The reference is quoted wrongly.", "reference") == 1


def test_the_account_of_a_dimension_that_passed_says_nothing():
    text = "kb_grounding: the handbook was used. tool_use_correct: the handbook was not looked up."
    both = ("reference",)
    assert says(text, *both, failed=["tool_use_correct", "kb_grounding"]) == 1
    assert says("kb_grounding: the handbook was used.", *both, others=["kb_grounding"]) == 0
    assert says("KB: the handbook was used.", *both, others=["kb_grounding"]) == 0
    assert says(text, *both, failed=["tool_use_correct"], others=["kb_grounding"]) == 1


def test_words_match_in_the_order_of_the_pattern():
    assert says("It asked for the name again.", "ask again") == 1
    assert says("Again and long before it asked.", "ask again") == 0
    assert says("Again it asked and asked again.", "ask ask again") == 1
    assert says("It asked once. Again it waited.", "ask again") == 0


@pytest.mark.parametrize("text", ["", " ", "\n\n", '"', "'", "—", "...", "“unclosed", "a" * 5000, "é𝄞\u2028", "¶ ¶"])
def test_any_text_can_be_read(text):
    assert says(text, *INVENTED) == 0


def test_a_concession_without_a_comma_leaves_the_next_text_alone():
    texts = pa.array(["Although that is so", "It forgot in this turn, the name"], pa.large_string())
    together, alone = Reasoning(texts), Reasoning(texts[1:])
    assert together.search_concepts(("lose",)).weight.tolist() == alone.search_concepts(("lose",)).weight.tolist()
    assert together.critical_clauses.to_pylist()[-1:] == alone.critical_clauses.to_pylist()


def test_the_dash_of_the_next_text_ends_no_name():
    texts = pa.array(["Handbook", "- the fee"], pa.large_string())
    together = Reasoning(texts, [("fee",)] * 2, [("handbook",)] * 2)
    assert together.search_concepts(("reference",)).text.tolist() == [0]


@pytest.mark.parametrize("text", ["a" * 300_000, "not-" * 100_000, ".a" * 150_000])
def test_words_without_end_are_read(text):
    assert says(text, "invent") == 0
