"""`export`: the charts of an analysis folder as PNG and SVG, drawn by the real command and read back."""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from builders import failing, listing, row
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.textpath import TextPath
from recount import listed_runs, write_runs

from pipeline import analyze
from pipeline.export.charts.counts import draw_causes, draw_dimensions, draw_rates, wilson
from pipeline.export.charts.files import is_ours, sealed, settings
from pipeline.export.charts.names import file_stems, labels
from pipeline.export.charts.style import FONTS
from pipeline.export.charts.turns import draw_turns

DATA = Path(__file__).parent.parent / "data_samples"
CLINIC = DATA / "comparisons" / "clinic_three_models"
LIBRARY = DATA / "comparisons" / "library_repeats"
LEDGER = DATA / "reviews" / "clinic_three_models" / "reviews.jsonl"
CHARTS = ("failure_rates", "turns", "causes", "dimensions")
COMMAND = "from pipeline.cli.main import run; sys.exit(run(sys.argv[1:]))"
DRAWS = (draw_rates, draw_turns, draw_causes, draw_dimensions)


def export(*arguments, before="", **options):
    """Run the real command; `before` is run first in its process. Whatever happens, it says nothing unasked."""
    words = [sys.executable, "-c", f"import sys\n{before}\n{COMMAND}", "export", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60, **options)
    assert "Traceback" not in done.stderr
    assert done.returncode or not done.stderr
    return done


def analysed(folder, comparison, ledger=()):
    """Analyse into a folder, with a ledger of these lines."""
    folder.mkdir(parents=True)
    if ledger:
        (folder / "reviews.jsonl").write_text("".join(ledger), encoding="utf-8")
    analyze(comparison, output=folder)
    return folder


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """The analysis folder of a sample, with its charts."""
    folder = analysed(tmp_path_factory.mktemp("clinic") / "a", CLINIC)
    assert [export(folder, "--format", form).returncode for form in ("svg", "png")] == [0, 0]
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The same of another, whose models have several runs; as SVG only."""
    folder = analysed(tmp_path_factory.mktemp("library") / "a", LIBRARY)
    assert export(folder, "--format", "svg").returncode == 0
    return folder


@pytest.fixture(params=["clinic", "library"])
def exported(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(clinic, tmp_path):
    """An analysis folder with charts as SVG, to spoil."""
    return shutil.copytree(clinic, tmp_path / "a", ignore=shutil.ignore_patterns("*.png"))


def drawn(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own file


def lines_of(svg):
    """Give the words of a chart, line by line, each line from left to right."""
    lines = defaultdict(list)
    for text in drawn(svg).iter("{http://www.w3.org/2000/svg}text"):
        lines[round(float(text.get("y")))].append((float(text.get("x")), text.text))
    return [[words for _, words in sorted(line)] for _, line in sorted(lines.items())]


def said(svg):
    """Give all words of a chart, from top to bottom."""
    return " ".join(words for line in lines_of(svg) for words in line)


def boxes_of(svg, name):
    """Give the boxes of a mark by its name: left, right, top, bottom."""
    (group,) = [group for group in drawn(svg).iter() if group.get("id") == name] or [()]
    corners = [
        re.findall(r"[ML] (\S+) (\S+)", part) for path in group for part in path.get("d").split("z") if part.strip()
    ]
    return [
        tuple(end(float(corner[axis]) for corner in box) for axis in (0, 1) for end in (min, max)) for box in corners
    ]


def rate(part, whole):
    return f"{part}/{whole}, {part / whole:.1%}"


def files_of(folder):
    """List the files below a folder with their sizes and times, but for the cache that every reader keeps."""
    return {name: facts for name, facts in listing(folder).items() if (folder / name).is_file() and "cache" not in name}


def models_of(folder):
    (benchmark,) = json.loads((folder / "analysis.json").read_bytes())["benchmarks"].values()
    return benchmark["models"]


def charts_of(folder, form):
    """Give the bytes of the charts of the one benchmark, by the name of the chart."""
    return {path.name.split(".")[1]: path.read_bytes() for path in (folder / "charts").glob(f"*.{form}")}


# --- What the charts say ---------------------------------------------------------------------------------------


def test_counts_are_those_of_the_analysis_and_stand_where_they_belong(exported):
    charts = charts_of(exported, "svg")
    lines = {name: lines_of(svg) for name, svg in charts.items()}
    models = models_of(exported)
    assert set(charts) == set(CHARTS)
    assert all(["PROVISIONAL" in words for words in line].count(True) == 1 for line in map(last, lines.values()))
    for model, found in models.items():
        (line,) = [line for line in lines["failure_rates"] if line[0] == model]
        assert line[1].startswith(rate(found["failed_rows"], found["rows_judged"]))
    for dimension in {name for found in models.values() for name in found["scored_dimensions"]}:
        assert [
            dimension,
            *(
                rate(m["failed_dimensions"].get(dimension, 0), m["scored_dimensions"][dimension])
                for m in models.values()
            ),
        ] in lines["dimensions"]
    for mode in {name for found in models.values() for name in found["error_modes"]}:
        assert [mode, *(str(found["error_modes"].get(mode, 0)) for found in models.values())] in lines["causes"]


def last(lines):
    return lines[-1]


@pytest.mark.parametrize(("name", "comparison"), [("clinic", CLINIC), ("library", LIBRARY)])
def test_every_turn_of_every_model_has_its_cell(name, comparison, request):
    judged = defaultdict(list)
    for run in listed_runs(comparison):
        for line in run.file.read_text(encoding="utf-8").splitlines():
            scores = [score for score in json.loads(line)["scores"].values() if score is not None]
            judged[run.model, json.loads(line)["turn"]] += [not all(scores)] if scores else []
    kinds = Counter(
        "not-judged" if not runs else "failed" if all(runs) else "flaky" if any(runs) else "passed"
        for runs in judged.values()
    )
    svg = charts_of(request.getfixturevalue(name), "svg")["turns"]
    grid = len({model for model, _ in judged}) * len({turn for _, turn in judged})
    kinds["not-judged"] += grid - len(judged)
    counted = [runs for runs in judged.values() if any(runs) and not all(runs) and 2 * sum(runs) >= len(runs)]
    kinds["flaky-counts-as-failed"] = len(counted)
    kinds["passed"] += kinds["flaky"]  # the ground of a cell that is filled in part
    assert {name: len(boxes_of(svg, name)) for name in kinds} == kinds
    shares = sum(sum(runs) / len(runs) for runs in judged.values() if any(runs) and not all(runs))
    (_, _, top, bottom), *_ = boxes_of(svg, "passed")
    heights = [low - high for _, _, high, low in boxes_of(svg, "flaky")]
    assert sum(heights) / (bottom - top) == pytest.approx(shares, rel=1e-3)


def test_flaky_turns_that_count_as_failed_are_told_from_those_that_do_not(library):
    svg = charts_of(library, "svg")["turns"]
    (key,) = [line for line in lines_of(svg) if "passed" in line]
    assert key == ["failed", "flaky, counts as failed", "flaky, counts as passed", "passed"]
    assert "It counts as failed, also in the counts on the right, when at least half of them failed it." in said(svg)
    heights = {(left, bottom): bottom - top for left, _, top, bottom in boxes_of(svg, "flaky")}
    feet = {(left, bottom) for left, _, _, bottom in boxes_of(svg, "flaky-counts-as-failed")}
    assert feet < set(heights)
    assert max(heights[place] for place in set(heights) - feet) < min(heights[place] for place in feet)


def test_bars_and_their_intervals_are_as_long_as_the_rates(exported):
    svg = charts_of(exported, "svg")["failure_rates"]
    rates = [found["failed_rows"] / found["rows_judged"] for found in models_of(exported).values()]
    bars, lines = boxes_of(svg, "failed"), boxes_of(svg, "interval")[::3]
    zero = bars[0][0]
    scale = (bars[0][1] - zero) / rates[0]
    assert [(right - left) / scale for left, right, *_ in bars] == pytest.approx(rates, rel=1e-3)
    for (left, right, *_), found in zip(lines, models_of(exported).values(), strict=True):
        ends = (left - zero) / scale, (right - zero) / scale
        assert ends == pytest.approx(wilson(found["failed_rows"], found["rows_judged"]), rel=1e-3)


@pytest.mark.parametrize(
    ("failed", "judged", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (5, 5, 0.5655, 1),
    ],
)
def test_the_interval_is_wilsons(failed, judged, low, high):
    # R. G. Newcombe, 1998, table I, method 3: https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
    assert wilson(failed, judged) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(("part", "status"), [(1, "FINAL (33 of 33"), (0.4, "IN REVIEW (")])
def test_reviewed_and_provisional_are_drawn_apart_and_every_chart_is_stamped(part, status, tmp_path):
    events = LEDGER.read_text(encoding="utf-8").splitlines(keepends=True)
    folder = analysed(tmp_path / "a", CLINIC, events[: round(len(events) * part)])
    export(folder, "--format", "svg")
    charts = charts_of(folder, "svg")
    assert all(sum(words.startswith(status) for words in last(lines_of(svg))) == 1 for svg in charts.values())
    buckets = [counts for found in models_of(folder).values() for counts in found["buckets"].values()]
    said = Counter()
    for line in lines_of(charts["causes"]):
        for words in line:
            if re.fullmatch(r"[1-9]\d*( \+ [1-9]\d*)?", words):
                said["rows"] += sum(map(int, words.split(" + ")))
    assert said["rows"] == sum(counts["reviewed"] + counts["provisional"] for counts in buckets) == 33
    for kind in ("reviewed", "provisional"):
        assert bool(boxes_of(charts["causes"], kind)) == any(counts[kind] for counts in buckets)
    for left, right, top, _ in boxes_of(charts["causes"], "reviewed"):
        assert not [
            box for box in boxes_of(charts["causes"], "provisional") if box[2] == top and left <= box[0] < right - 0.01
        ]
    assert (b"url(#h" in charts["causes"]) == (part < 1)  # hatched: not told apart by colour alone


# --- Files -----------------------------------------------------------------------------------------------------


def chunks_of(png):
    """Read a PNG: the chunks, each with its checksum right. https://www.w3.org/TR/png/#5Chunk-layout"""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, chunks = 8, []
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        body = png[place + 4 : place + 8 + size]
        assert int.from_bytes(png[place + 8 + size : place + 12 + size]) == zlib.crc32(body)
        chunks.append((body[:4].decode(), body[4:]))
        place += 12 + size
    return chunks


def test_pictures_are_wide_enough_for_a_slide_and_carry_no_date_or_program(folder):
    before = files_of(folder)
    done = export(folder, "--format", "png", "--json")
    answer = json.loads(done.stdout)
    assert answer["status"] == "provisional"
    assert [chart["chart"] for chart in answer["charts"]] == list(CHARTS)
    for chart in answer["charts"]:
        chunks = chunks_of(Path(chart["path"]).read_bytes())
        wide, high = (int.from_bytes(chunks[0][1][at : at + 4]) for at in (0, 4))
        assert (wide, 400 < high < 1400) == (2133, True)
        texts = [body.split(b"\0")[0] for kind, body in chunks if kind.endswith("Xt")]
        assert texts == [b"Title", b"Comment"]
        assert len(zlib.decompress(b"".join(body for kind, body in chunks if kind == "IDAT"))) > wide * high
    after = files_of(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {f"charts/clinic_desk_30.{name}.png" for name in CHARTS}


def test_the_same_analysis_gives_the_same_bytes_under_other_settings(clinic, tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsavefig.bbox: tight\nsvg.hashsalt: x\nno.such: 1\n")
    environment = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "HOME": "/dev/null", "SOURCE_DATE_EPOCH": "1"}
    environment = os.environ | environment
    for form in ("svg", "png"):
        other = tmp_path / form / "deeper"
        done = export(clinic, "--format", form, "--output", other, cwd=tmp_path, env=environment)
        assert done.stdout.splitlines() == [str(other / path.name) for path in map(Path, done.stdout.splitlines())]
        assert {path.name.split(".")[1]: path.read_bytes() for path in other.iterdir()} == charts_of(clinic, form)
    for content in charts_of(clinic, "svg").values():
        assert b"http" not in re.sub(rb' xmlns(:\w+)?="[^"]*"', b"", content)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["matplotlibrc", "MATPLOTLIBRC", "HOME/.config/matplotlib/matplotlibrc"])
def test_settings_that_cannot_be_read_are_nobodys_worry(place, clinic, tmp_path):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"font.size: 30\n\xff\xfe\n")
    environment = {name: value for name, value in os.environ.items() if name not in {"XDG_CONFIG_HOME", "MPLCONFIGDIR"}}
    environment |= {"HOME": str(tmp_path / "HOME"), "MPLBACKEND": "nonsense"}
    environment |= {"MATPLOTLIBRC": str(path)} if place == "MATPLOTLIBRC" else {}
    done = export(clinic, "--format", "svg", "--output", "there", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    charts = {path.name.split(".")[1]: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    assert charts == charts_of(clinic, "svg")


def test_charts_are_drawn_anew_over_our_own(folder):
    for path in (folder / "charts").iterdir():
        path.write_bytes(sealed(b"<svg/>", "svg"))
    assert export(folder, "--format", "svg").returncode == 0
    assert all(b"PROVISIONAL" in content for content in charts_of(folder, "svg").values())


def test_an_edited_chart_is_kept_and_nothing_is_written(folder):
    edited = folder / "charts" / "clinic_desk_30.turns.svg"
    edited.write_bytes(edited.read_bytes().replace(b"heron", b"HERON"))
    (folder / "charts" / "clinic_desk_30.causes.svg").unlink()
    before = files_of(folder)
    done = export(folder, "--format", "svg")
    assert (done.returncode, files_of(folder)) == (2, before)
    assert re.search(r"turns\.svg: is no chart of ours, or was edited since \(.*--output\)", done.stderr)


def test_a_refusing_file_system_leaves_nothing_half_written(folder):
    before = files_of(folder)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    done = export(folder, "--format", "png", before=limit)
    assert (done.returncode, files_of(folder)) == (2, before)
    assert re.search(r"cannot be written: File too large \(.*--output\)", done.stderr)


@pytest.mark.slow
def test_a_refusing_file_system_is_left_without_empty_folders(folder, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    shutil.rmtree(folder / "charts")
    (tmp_path / "there").mkdir()
    for more in ((), ("--output", tmp_path / "there" / "new" / "newer"), ("--output", tmp_path / "there")):
        assert export(folder, "--format", "png", *more, before=limit).returncode == 2
    assert not (folder / "charts").exists()
    assert listing(tmp_path / "there") == {}


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize("content", [b"", b"short", bytes(200)])
def test_only_what_was_sealed_and_not_changed_is_ours(form, content):
    whole = content + bytes(12)
    assert is_ours(sealed(whole, form), form)
    assert not is_ours(content, form)
    assert not is_ours(b"x" + sealed(whole, form), form)


def test_analysing_again_leaves_the_charts_alone(folder):
    before = listing(folder / "charts")
    analyze(CLINIC, output=folder)
    assert listing(folder / "charts") == before
    assert "charts" not in (folder / "local.json").read_text(encoding="utf-8")


# --- Odd inputs ------------------------------------------------------------------------------------------------

ODD = [
    "$x$ and $\\frac{a}{b}$",
    "under_score",
    "日本語モデル",
    "evil\u202etxt\x07",
    "<b>&amp;",
    "long-" * 60 + "end",
    "𓀀",
]


def test_odd_names_and_empty_benchmarks_neither_fail_nor_collide(tmp_path):
    blank = [row(turn, {"a": None}) for turn in range(3)]
    comparison = write_runs(
        tmp_path / "in",
        {
            **{("x/y", model, f"r{number}"): [failing(0), row(1)] for number, model in enumerate(ODD)},
            ("x y", "one model", "p1"): [row(0), row(1)],
            ("X_Y", "none judged", "b1"): blank,
            ("x_y", "no dimension", "d1"): [row(0, {}), row(1, {})],
            ("日本", "a", "e1"): [failing(0)],
        },
    )
    folder = analysed(tmp_path / "a", comparison)
    done = export(folder, "--format", "svg", "--json")
    assert done.returncode == 0
    charts = json.loads(done.stdout)["charts"]
    assert len({chart["path"].lower() for chart in charts}) == len(charts) == 20
    assert {path.parent for path in map(Path, (chart["path"] for chart in charts))} == {folder / "charts"}
    words = {
        (chart["benchmark"], chart["chart"]): [w for line in lines_of(Path(chart["path"]).read_bytes()) for w in line]
        for chart in charts
    }
    assert {ODD[0], ODD[1], ODD[2], "evil\\u202etxt\\u0007", ODD[4], ODD[6]} <= set(words["x/y", "failure_rates"])
    assert not any(re.search("[\x00-\x1f\u202a-\u202e]", text) for said in words.values() for text in said)
    assert "not measured" in words["X_Y", "failure_rates"]
    assert "There are none." in words["x y", "causes"]
    assert "There are none." in words["x_y", "dimensions"]
    assert "0/0" in words["X_Y", "turns"]


@pytest.mark.skipif(not {*FONTS[2:]} & {*font_manager.get_font_names()}, reason="no font with these letters")
def test_letters_of_other_scripts_are_taken_from_other_fonts(analyses):
    with settings():
        font = draw_rates(analyses(1, 1, 1), "bench").figure.axes[0].texts[0].get_fontproperties()
        shapes = [TextPath((0, 0), letter, prop=font).vertices.tolist() for letter in "日本"]
    assert shapes[0] != shapes[1]


def test_labels_and_file_names_tell_names_apart():
    names = ["a" * 50 + "1" + "b" * 50, "a" * 50 + "2" + "b" * 50, "A b", "a  b", "", "..", "a/b", "a_b", "A_B"]
    assert len(set(labels(names).values())) == len(names)
    assert max(map(len, labels(names).values())) < 40
    stems = file_stems(names)
    assert len({stem.lower() for stem in stems.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", stem) for stem in stems.values())
    assert file_stems(["clinic_desk_30"]) == {"clinic_desk_30": "clinic_desk_30"}


def many(tmp_path, models, turns, repeats):
    dimensions = ["tool_use_correct", *(f"unforeseeable_part_{number}" for number in range(2 if turns > 99 else 10))]
    return write_runs(
        tmp_path / "in",
        {
            ("bench", f"vendor/model-{number}-preview", f"r{number}-{repeat}"): [
                row(turn, {name: (turn * 7 + number + repeat * place) % 5 > 1 for place, name in enumerate(dimensions)})
                for turn in range(turns)
            ]
            for number in range(models)
            for repeat in range(repeats)
        },
    )


@pytest.mark.parametrize(
    ("models", "turns", "repeats"), [(1, 1, 1), (3, 33, 1), (4, 160, 2), (9, 20, 3), (30, 300, 1), (2, 10_000, 1)]
)
@pytest.mark.parametrize("draw", DRAWS)
def test_no_words_are_cut_or_lie_over_others(analyses, draw, models, turns, repeats):
    with settings():
        figure = draw(analyses(models, turns, repeats), "bench").figure
        figure.set_dpi(160)
        canvas = FigureCanvasAgg(figure)
        wide, high = canvas.get_width_height()
        texts = [text for text in figure.axes[0].texts if text.get_text()]
        places = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    assert high <= wide * 1.2
    assert min(text.get_fontsize() for text in texts) >= 7
    for words, box in places:
        assert (box.x0 > 70, box.x1 < wide - 70, box.y0 > 0, box.y1 < high) == (True,) * 4, words
    for (words, box), (others, other) in combinations(places, 2):
        apart = box.x1 <= other.x0 or other.x1 <= box.x0 or box.y1 <= other.y0 + 2 or other.y1 <= box.y0 + 2
        assert apart, (words, others)


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 33, 1), (9, 20, 3), (2, 10_000, 1)])
def test_the_cells_of_the_heat_map_end_before_the_counts(analyses, size):
    with settings():
        figure = draw_turns(analyses(*size), "bench").figure
        canvas = FigureCanvasAgg(figure)
        counts = [text for text in figure.axes[0].texts if re.fullmatch(r"\d+/\d+", text.get_text())]
        begin = min(text.get_window_extent(canvas.get_renderer()).x0 for text in counts)
        cells = [patch for patch in figure.axes[0].patches if patch.get_gid()]
        assert max(patch.get_window_extent(canvas.get_renderer()).x1 for patch in cells) < begin - 5


@pytest.mark.parametrize("size", [(4, 160, 2), (2, 10_000, 1)])
def test_the_numbers_of_turns_are_as_far_apart_in_every_band(analyses, size):
    with settings():
        texts = draw_turns(analyses(*size), "bench").figure.axes[0].texts
    bands = defaultdict(list)
    for text in texts:
        if text.get_text().isdecimal() and text.get_ha() == "center":
            bands[text.get_position()[1]].append(int(text.get_text()))
    assert len(bands) > 1
    assert len({after - before for band in bands.values() for before, after in pairwise(band)}) == 1


@pytest.mark.parametrize(("size", "several"), [((20, 1000, 1), 2), ((2, 10_000, 1), 5), ((30, 300, 1), 1)])
def test_cells_too_thin_to_see_stand_for_several_turns_each(analyses, size, several):
    analysis = analyses(*size)
    with settings():
        stream = BytesIO()
        draw_turns(analysis, "bench").figure.savefig(stream, format="svg")
    svg = stream.getvalue()
    assert len(svg) < 1_500_000
    assert (f"Each cell stands for {several} turns in a row" in said(svg)) == (several > 1)
    area = dict.fromkeys(("failed", "passed"), 0.0)
    for name in area:
        boxes = boxes_of(svg, name)
        area[name] = sum((right - left) * (bottom - top) for left, right, top, bottom in boxes)
        assert min(right - left for left, right, *_ in boxes) > 0.88 * 0.015 * 72
    failed = int(analysis.model_counts["failed_rows"].sum())
    if several > 1:
        assert area["failed"] / area["passed"] == pytest.approx(failed / (size[0] * size[1]), rel=1e-3)


@pytest.mark.parametrize(("size", "bands"), [((3, 33, 1), 1), ((4, 160, 2), 4), ((30, 300, 1), 1)])
def test_the_heat_map_has_as_many_bands_as_a_slide_has_room_for(analyses, size, bands):
    with settings():
        words = [text.get_text() for text in draw_turns(analyses(*size), "bench").figure.axes[0].texts]
    assert words.count("turn") == bands


def test_with_several_benchmarks_the_stamp_says_that_it_is_of_them_all(tmp_path):
    runs = {(name, "m", f"r-{name}"): [failing(0), row(1)] for name in ("one", "two")}
    stamp = "PROVISIONAL ({} of {} failed rows reviewed)"
    for names, said in ((("one",), stamp.format(0, 1)), (("one", "two"), stamp.format(0, 2) + " in all benchmarks")):
        chosen = {key: rows for key, rows in runs.items() if key[0] in names}
        analysis = analyze(write_runs(tmp_path / f"in{len(names)}", chosen))
        with settings():
            for draw in DRAWS:
                assert said in [text.get_text() for text in draw(analysis, "one").figure.axes[0].texts]


@pytest.fixture(scope="module")
def analyses(tmp_path_factory):
    made = {}

    def give(*size):
        if size not in made:
            made[size] = analyze(many(tmp_path_factory.mktemp("many"), *size))
        return made[size]

    return give


# --- Calls that cannot be met ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["DIR"], "--format"),
        (["DIR", "--format", "pgn"], r"no format 'pgn' \(did you mean 'png'\?\)"),
        (["DIR", "--format", "png", "--output", ""], r"--output: is empty"),
        (["nowhere", "--format", "png"], r"nowhere: not an analysis folder: .* \(name the folder that"),
        (["DIR", "--format", "png", "--output", "RUN/charts"], r"lies inside the input folder .*--output\)"),
        (["DIR", "--format", "png", "--output", "DIR/analysis.json"], r"is a file, not a folder \(.*--output\)"),
    ],
)
def test_a_call_that_cannot_be_met_says_why_and_writes_nothing(arguments, says, tmp_path):
    comparison = write_runs(tmp_path / "in", {("b", "m", "r"): [failing(0)]})
    folder = analysed(tmp_path / "a", comparison)
    places = {"DIR": str(folder), "RUN": str(tmp_path / "in" / "runs" / "b" / "r")}
    before = files_of(tmp_path)
    done = export(*(re.sub("DIR|RUN", lambda match: places[match[0]], word) for word in arguments), cwd=tmp_path)
    assert (done.returncode, done.stdout, files_of(tmp_path)) == (2, "", before)
    assert re.search(says, done.stderr)


def test_without_the_extra_the_command_says_how_to_get_it(folder):
    before = files_of(folder)
    done = export(folder, "--format", "png", "--json", before="sys.modules['matplotlib'] = None")
    (problem,) = json.loads(done.stdout)["error"]["problems"]
    assert (done.returncode, done.stderr, files_of(folder)) == (2, "", before)
    assert "matplotlib" in problem["what"]
    assert problem["fix"] == "pip install 'model-run-error-analysis[charts]'"


def test_charts_are_loaded_for_charts_only(folder):
    code = "import sys; from pipeline.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for words in (["--help"], ["export", "--help"], ["summary", str(folder)]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert not {"matplotlib", "matplotlib.pyplot", "logging.config"} & set(done.stderr.split())
