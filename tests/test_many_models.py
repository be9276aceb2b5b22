"""A comparison of very many models: what is printed is bounded, and so is the time."""

from __future__ import annotations

import time

import pytest
from builders import failing, row, write_comparison, write_run

from pipeline import analyze
from pipeline.errors import GateError
from pipeline.export.verify import verify_folder
from pipeline.report.summary import summarise

pytestmark = pytest.mark.slow


def write_models(folder, number, failed):
    runs = []
    for model in range(number):
        name = f"model-{model:04}"
        of_run = failing if failed(model) else row
        runs.append(write_run(folder / "bench" / f"run_{model:04}", [of_run(0, model_name=name)]))
    return write_comparison(folder / "cmp", runs)


@pytest.mark.parametrize(("number", "said"), [(50, None), (51, "  and 1 more model ("), (60, "  and 10 more models (")])
def test_the_summary_shows_fifty_models_and_the_number_of_the_others(tmp_path, number, said):
    text = summarise(analyze(write_models(tmp_path, number, lambda _: True)))
    assert text.count("% failed in 1 run") == min(number, 50)
    below = text.partition("\nBenchmark ")[2]  # the headline above shows the worst four
    assert f"  and {number - 4} more models" in text
    assert said in below if said else "  and " not in below


def test_verify_names_what_changed_for_many_models_in_a_linear_time(tmp_path):
    out = tmp_path / "out"
    analyze(write_models(tmp_path, 600, lambda model: model % 3 == 0), output=out)
    changed = analyze(write_models(tmp_path, 600, lambda model: model % 3 != 0))
    begun = time.process_time()
    with pytest.raises(GateError) as caught:
        verify_folder(out, out / "deep_error_analysis.md", changed)
    assert time.process_time() - begun < 10
    assert len(caught.value.problems) > 3000
