"""The labelled rows: enough of every mode, trap, voice and domain; the scorecard and the fitting of weights run."""

from __future__ import annotations

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
    assert min(modes.values()) >= 10
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
    words = [sys.executable, "fit.py", "--try", "--writers", "2"]
    done = subprocess.run(words, cwd=LABELLED, capture_output=True, text=True, check=True, timeout=120)
    *accuracies, weights = done.stdout.splitlines()
    assert [float(line.split("accuracy ")[1].split(",")[0]) > 0.6 for line in accuracies] == [True] * 3
    assert "weights of" in weights
    assert WEIGHTS.read_bytes() == before


def test_weights_are_never_written_from_a_part_of_the_rows():
    words = [sys.executable, "fit.py", "--writers", "2"]
    done = subprocess.run(words, cwd=LABELLED, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "--writers needs --try" in done.stderr
