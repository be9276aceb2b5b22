"""The labelled rows: enough of every mode, trap, voice and domain; the scorecard and the fitting of weights run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
LABELLED = Path(__file__).parent / "labelled"
WEIGHTS = Path(__file__).parents[1] / "pipeline" / "rules" / "builtin" / "weights.json"
sys.path.append(str(LABELLED))

from cases import PARTS, read_cases, read_part  # noqa: E402

SHORT = 40  # "Fails." may be said twice


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_enough_rows_of_every_mode_voice_and_domain(part):
    cases = read_part(part)
    modes = Counter(case.mode for case in cases)
    assert len(cases) >= 150
    assert len(modes) == 8
    assert min(modes.values()) >= 50
    assert len({case.domain for case in cases}) >= 6
    assert len({case.voice for case in cases}) >= 7
    assert sum(case.trap is not None for case in cases) >= len(cases) / 4
    long = [case.judge_reasoning for case in cases if len(case.judge_reasoning) > SHORT]
    assert len(set(long)) == len(long)


def test_the_parts_share_no_row_and_hold_enough_together():
    developed, scored = ([case.judge_reasoning for case in read_part(part)] for part in PARTS)
    assert not {text for text in developed if len(text) > SHORT} & set(scored)
    assert len(developed) + len(scored) >= 400


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("{}", "missing required field"), ('{"id": 1}', "Expected `str`"), ("not json", "malformed")],
)
def test_a_faulty_line_is_named(tmp_path, line, complaint):
    (tmp_path / "x.jsonl").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=rf"x\.jsonl:1: .*{complaint}"):
        read_cases(tmp_path / "x.jsonl")


def test_the_scorecard_fails_below_its_floor():
    program = "import scorecard; scorecard.FLOOR['accuracy'] = 1.01; raise SystemExit(scorecard.main())"
    done = subprocess.run([sys.executable, "-c", program], cwd=LABELLED, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "MISSED" in done.stdout


def test_weights_are_fitted_and_cross_validated_and_a_trial_writes_nothing():
    before = WEIGHTS.read_bytes()
    words = [sys.executable, "fit.py", "--try", "--groups", "4"]
    done = subprocess.run(words, cwd=LABELLED, capture_output=True, text=True, check=True, timeout=300)
    both, text_model, agree, *groups, weights = done.stdout.splitlines()
    assert all(float(line.split("accuracy ")[1].split(",")[0]) > 0.25 for line in (both, text_model))
    assert "both agree on" in agree
    assert len(groups) == 4
    assert "weights of" in weights
    assert WEIGHTS.read_bytes() == before


def test_weights_are_never_written_from_a_part_of_the_rows():
    words = [sys.executable, "fit.py", "--groups", "2"]
    done = subprocess.run(words, cwd=LABELLED, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "--groups needs --try" in done.stderr


def test_the_shapes_of_real_judges_have_enough_rows_of_every_mode():
    cases = [case for part in PARTS for case in read_part(part) if case.shape != "turn verdict"]
    assert len(cases) >= 600
    assert min(Counter(case.mode for case in cases).values()) >= 60
    assert len({case.shape for case in cases}) >= 12
    assert sum(len(case.scores) == 1 for case in cases) >= len(cases) / 3
    assert sum(case.assistant_text is None for case in cases) >= len(cases) / 5
    assert sum(not case.tool_calls for case in cases) >= len(cases) / 3


def test_any_folder_with_labels_can_be_scored(tmp_path):
    run = tmp_path / "set" / "runs" / "r1"
    run.mkdir(parents=True)
    said = ["It hung up while the caller was still speaking.", "The fee was invented."]
    rows = [
        {"turn": n, "user_text": "u", "assistant_text": "a", "scores": {"ok": False}, "judge_reasoning": text}
        for n, text in enumerate(said)
    ]
    (run / "openai_judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "set" / "run_results.csv").write_text("run_dir,run_id,model_name,benchmark_name\nruns/r1,r1,m,b\n")
    labels = "folder,run_id,turn,mode,alternative\nset,r1,0,premature_end_session,\n"
    labels += "set,r1,1,other,knowledge_grounding_error\n"
    (tmp_path / "labels.csv").write_text(labels)
    done = subprocess.run(
        [sys.executable, "scorecard.py", str(tmp_path)], cwd=LABELLED, capture_output=True, text=True, check=True
    )
    assert "2 of 2 labelled rows; accuracy 0.500, with a second label 1.000" in done.stdout
