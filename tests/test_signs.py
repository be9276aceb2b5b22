"""Signs of a broken response that need no judge: each is found where it is, and not where it only seems to be."""

import json

import pandas as pd
import pytest
from builders import row, write_comparison, write_run
from pyarrow import parquet

from pipeline import analyze
from pipeline.stages.signs import sign_flags

LONG = "Your appointment has been moved to Thursday at ten. The clinic is on the second floor, beside the pharmacy. "
STORY = "She walked along the quiet river until the lights of the harbour were far behind her and nobody"


def flags_of(said, asked="What time do you open on Saturday, and is there parking for my car?", kind="text"):
    """Return the signs that a response shows, and its length."""
    turns = pd.DataFrame({"response_kind": [kind], "user_text": [asked], "assistant_text": [said]})
    found = sign_flags(turns.astype({"user_text": "str", "assistant_text": "str"})).iloc[0]
    return {name for name in found.index[:-1] if found[name] is not pd.NA and found[name]}, found


@pytest.mark.parametrize(
    "said",
    [
        "You are booked. [/INST] Anything else?",
        "You are booked. [/Inst]",
        "Booked.<|im_end|>",
        "<|assistant|>Booked.",
        "Booked.<|eot_id|><|start_header_id|>user<|end_header_id|>",
        "Booked.</s>",
        "Booked.<end_of_turn>",
        "<<SYS>> You are a clerk.",
        "Booked.\n### Human: And on Friday?",
        "assistant\n\nYou are booked.",
        "Booked. [/ASSISTANT]",
    ],
)
def test_tokens_of_a_chat_template_are_found(said):
    assert flags_of(said)[0] == {"chat_template_tokens"}


@pytest.mark.parametrize(
    "said",
    [
        "Use <s>strike</s> for struck text, and [link] for a link.",
        "The assistant will call you.",
        "Press |1| or |2|, then <enter>.",
        "Dear [User],",
    ],
)
def test_marks_that_are_no_template_tokens_are_left(said):
    assert not flags_of(said)[0]


def test_a_token_that_the_user_asks_about_has_not_leaked():
    assert not flags_of("It ends a turn: <|im_end|>.", asked="What does <|im_end|> mean?")[0]


@pytest.mark.parametrize(
    "said",
    [
        LONG + LONG + STORY,
        LONG + LONG + STORY + ",",
        "We can offer you Thursday at ten or Friday at nine and",
        "Call the front desk before noon and ask for the",
        "Here is the loop:\n```python\nfor number in numbers:\n    print(number)",
    ],
)
def test_a_text_that_stops_before_its_end_is_cut_off(said):
    assert flags_of(said)[0] == {"cut_off"}


@pytest.mark.parametrize(
    "said",
    [
        LONG + LONG,
        LONG + LONG + "\n\nBest regards,\nThe clinic",
        LONG + LONG + "\n- the second floor, beside the pharmacy and the long staircase behind the lift",
        LONG + LONG + "\nhttps://clinic.example/appointments/thursday/at-ten/second-floor/beside-the-pharmacy",
        "okay so you are all set for thursday then " * 2
        + "and "
        + "we will see you at ten o clock sharp on thursday " * 4,
        "Thursday at ten",
        "It is option A",
        "```\nprint(1)\n```",
        "予約は木曜日の十時です" * 30,
        "",
    ],
)
def test_a_text_that_ends_otherwise_is_not_cut_off(said):
    assert "cut_off" not in flags_of(said)[0]


@pytest.mark.parametrize(
    "said",
    [
        "I am sorry, I did not catch that. " * 3,
        "Yes.\n" + "I am sorry, I did not catch that\nNo.\n" * 3,
    ],
)
def test_the_same_sentence_or_line_three_times_is_a_loop(said):
    assert flags_of(said)[0] == {"loop"}


@pytest.mark.parametrize(
    "said",
    [
        "I am sorry, I did not catch that. I am sorry, I did not catch that.",
        "Yes. Yes. Yes. Yes.",
        "| ------ | ------ | ------ |\n" * 3,
        "    return total_of_rows(rows);\n" * 3,
    ],
)
def test_twice_is_no_loop_and_neither_are_short_or_formal_lines(said):
    assert "loop" not in flags_of(said)[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "What time do you open on Saturday?",
            "Wir öffnen am Samstag um neun Uhr, und Sie können auch am Nachmittag kommen.",
        ),
        (
            "Können Sie mir bitte sagen, wann Sie am Montag öffnen?",
            "We open at nine, and you can also come in the afternoon.",
        ),
        ("What time do you open on Saturday?", "土曜日は午前九時から午後五時まで営業しております。"),
        (
            "Скажите, пожалуйста, во сколько вы открываетесь?",
            "We open at nine, and you can also come in the afternoon.",
        ),
    ],
)
def test_another_language_than_the_users_is_found(asked, said):
    assert flags_of(said, asked)[0] == {"other_language"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "Please say it in German: we open at nine and it is free.",
            "Wir öffnen um neun Uhr, und es ist kostenlos für Sie.",
        ),
        ("How would I translate this for my guests?", "Wir öffnen um neun Uhr, und es ist kostenlos für Sie."),
        ("Saturday?", "Wir öffnen um neun Uhr, und es ist kostenlos für Sie und Ihre Gäste."),
        ("What time do you open on Saturday?", "Neun Uhr."),
        ("What time do you open on Saturday?", "SELECT * FROM hours WHERE day = 6 ORDER BY opening"),
    ],
)
def test_where_a_language_is_asked_for_or_not_clear_none_is_checked(asked, said):
    found, flags = flags_of(said, asked)
    assert "other_language" not in found
    assert flags["other_language"] is pd.NA


def test_only_texts_are_checked():
    found, flags = flags_of("[MODEL_ENDED_SESSION] Bye.<|im_end|>", kind="model_ended_session")
    assert not found
    assert flags[["chat_template_tokens", "cut_off", "loop", "other_language"]].isna().all()


# --- Counted per model ---------------------------------------------------------------------------------------------

LEAK = "Booked.<|im_end|>"


@pytest.fixture
def leaking(tmp_path):
    """Two models with four runs each of six turns; model-a leaks tokens on turns 1 to 3, two of which fail."""
    runs = []
    for model in ("model-a", "model-b"):
        for number in range(4):
            rows = [row(0, model_name=model), row(5, {"a": None}, model_name=model, assistant_text=LEAK)]
            for turn in (1, 2, 3, 4):
                failed = turn in {1, 2} or (turn == 4 and number == 0)
                text = LEAK if model == "model-a" and turn < 4 and number == 0 else f"Turn {turn} is done."
                rows.append(row(turn, {"a": not failed}, model_name=model, assistant_text=text))
            if model == "model-b" and number == 3:
                rows[0]["assistant_text"] = "Certainly, one moment please while I look. " * 20
            runs.append(write_run(tmp_path / "in" / "bench" / f"{model}_{number}", rows))
    return write_comparison(tmp_path / "in" / "cmp", runs)


def test_failure_rates_with_and_without_a_sign_are_counted_with_the_rows(leaking, tmp_path):
    analysis = analyze(leaking, output=tmp_path / "out")
    signs = analysis.signs.set_index(["model_name", "sign"])
    of_a = signs.loc[("model-a", "chat_template_tokens")]
    assert of_a[["rows", "failed_rows", "rows_without", "failed_without"]].tolist() == [3, 2, 17, 7]
    assert of_a["examples"] == ["model-a_0:1", "model-a_0:2", "model-a_0:3"]  # failed ones first, at most five
    assert signs.loc[("model-b", "chat_template_tokens"), "rows"] == 0  # a row that nobody judged does not count
    longer = signs.loc[("model-b", "far_longer")]
    assert longer[["rows", "failed_rows"]].tolist() == [1, 0]
    assert longer["examples"] == ["model-b_3:0"]
    assert longer["rows_without"] == 19
    assert signs.loc[("model-a", "far_longer"), "rows"] == 0


def test_report_page_numbers_and_tables_name_the_signs(leaking, tmp_path):
    analysis = analyze(leaking, output=tmp_path / "out")
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert "## Signs of a broken response by model" in report
    assert "response_contamination" in report
    assert "`model-a_0:1`" in report
    assert "Signs of a broken response" in (tmp_path / "out" / "deep_error_analysis.html").read_text()
    signs = json.loads((tmp_path / "out" / "analysis.json").read_text())["benchmarks"]["bench"]["signs"]
    assert signs["model-a"]["chat_template_tokens"] == {
        "rows": 3,
        "failed_rows": 2,
        "rows_without": 17,
        "failed_without": 7,
        "examples": ["model-a_0:1", "model-a_0:2", "model-a_0:3"],
    }
    written = parquet.read_table(tmp_path / "out" / "tables" / "signs.parquet").to_pandas()
    assert written["rows"].tolist() == analysis.signs["rows"].tolist()


def test_with_fewer_than_four_responses_of_a_turn_no_length_is_unusual(tmp_path):
    rows = [[row(0, assistant_text="Word. " * size)] for size in (5, 5, 500)]
    runs = [write_run(tmp_path / "in" / "bench" / f"run_{n}", each) for n, each in enumerate(rows)]
    signs = analyze(write_comparison(tmp_path / "in" / "cmp", runs)).signs
    assert "far_longer" not in set(signs["sign"])


def test_each_run_has_its_own_rates_where_runs_are_compared(leaking):
    signs = analyze(leaking, compare_by="run").signs
    leaks = signs[signs["sign"].eq("chat_template_tokens") & signs["rows"].gt(0)]
    assert leaks["model_name"].tolist() == ["model-a_0"]


def test_without_a_sign_nothing_is_said(comparison, tmp_path):
    analyze(comparison, output=tmp_path / "out")
    assert "Signs of" not in (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert not (tmp_path / "out" / "tables" / "signs.parquet").exists()
    assert "signs" not in json.loads((tmp_path / "out" / "analysis.json").read_text())["benchmarks"]["bench"]
