"""The report as a page: self-contained, every count leads to exactly its rows, hostile texts inert, a budget kept."""

import base64
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from builders import failing, row, write_comparison, write_run

from pipeline import analyze
from pipeline.export.formats import page as html
from pipeline.export.formats.page.embed import row_number
from pipeline.ledger.codebook import MODES, tentative_label
from pipeline.report.sections import build_report

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data_samples"
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><!-- <script> -->"
    " \u202egnp.exe \u200b &amp; 'q' \"q\" <!--data--> <!--said--> {{ 7*7 }}"
)


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its links, and the texts of its scripts and styles."""

    def __init__(self, data):
        super().__init__(convert_charrefs=True)
        self.tags, self.links, self.texts, self._open = [], [], {}, []
        self._heading = ""
        self.feed(data.decode())
        self.embedded = json.loads(self.texts["script"][0])

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)
        if tag == "a":
            self.links.append([dict(attributes)["href"], ""])
        if tag in ("script", "style"):
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in ("script", "style"):
            if tag in self._open:
                self.texts[tag][-1] += data
        if "a" in self._open:
            self.links[-1][1] += data

    @property
    def rows(self):
        """The embedded rows as objects, names in place of numbers."""
        columns = self.embedded["rows"]
        size = len(columns["turn"])

        def column(name):
            places = columns[name]
            return [places] * size if isinstance(places, int) else places

        found = {name: [names[place] for place in column(name)] for name, names in self.embedded["names"].items()}
        found |= {
            name: [self.embedded["sets"][place] for place in column(name)] for name in ("dimensions", "secondary")
        }
        found["parent"] = [self.embedded["buckets"].get(bucket, "") for bucket in found["bucket"]]
        return [
            {"turn": turn, **{name: values[at] for name, values in found.items()}}
            for at, turn in enumerate(columns["turn"])
        ]


def page_of(analysis):
    return Page(html.render(build_report(analysis), analysis))


@pytest.fixture(scope="module", params=["clinic", "clinic reviewed", "library", "library by run"])
def analysed(request, tmp_path_factory):
    """The samples: as they come, reviewed, with repeats, and by run."""
    name = "library_two_models" if "library" in request.param else "clinic_three_models"
    out = tmp_path_factory.mktemp("out") / "out"
    if "reviewed" in request.param:
        out.mkdir()
        ledger = SAMPLES / "reviews" / name / "reviews.jsonl"
        (out / "reviews.jsonl").write_bytes(ledger.read_bytes())
    by = "run" if "by run" in request.param else "model"
    comparison = next(path for path in (SAMPLES / "comparisons").iterdir() if path.name.startswith(name[:7]))
    analysis = analyze(comparison, output=out, compare_by=by)
    return analysis, out


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "bench" / "run_a", [row(0), failing(1)])


# --- One file, nothing from elsewhere ------------------------------------------------------------------------


def test_the_page_is_one_file_that_loads_nothing(analysed):
    _, out = analysed
    data = (out / "deep_error_analysis.html").read_bytes()
    page = Page(data)
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base", "form action"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")}
        assert attributes.get("href", "#").startswith("#")
    style = page.texts["style"][0]
    assert "@import" not in style
    assert set(re.findall(r"url\((.*?)\)", style)) <= {"#hatch"}


def test_the_policy_allows_the_page_its_own_script_and_style_and_nothing_else(analysed):
    page = Page((analysed[1] / "deep_error_analysis.html").read_bytes())
    (policy,) = (a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))

    def digest(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == digest(page.texts["script"][1])
    assert directives["style-src"] == digest(page.texts["style"][0])
    assert len(page.texts["script"]) == 2
    assert len(page.texts["style"]) == 1


def test_the_stamp_and_the_title_are_the_reports(analysed):
    analysis, out = analysed
    text = (out / "deep_error_analysis.html").read_text()
    assert analysis.stamp in text
    assert analysis.stamp in (out / "deep_error_analysis.md").read_text()
    assert f"<title>Deep error analysis: {analysis.name}</title>" in text


def test_the_same_analysis_gives_the_same_bytes_in_whatever_process(analysed):
    analysis, out = analysed
    there = (out / "deep_error_analysis.html").read_bytes()
    assert html.render(build_report(analysis), analysis) == there


def test_what_lies_in_the_working_directory_is_never_run(run, tmp_path):
    folder = tmp_path / "here"
    shadow = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nprint('mine')\n"
    for name in ("pipeline/__init__.py", "pipeline/page/__init__.py", "pipeline/page/__main__.py", "base64.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(shadow)
    command = [sys.executable, "-P", "-m", "pipeline", "analyze", "--run-dir", run, "--output", tmp_path / "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    assert Page((tmp_path / "out" / "deep_error_analysis.html").read_bytes()).rows


# --- Every count leads to its rows ---------------------------------------------------------------------------


FITS = {
    "bucket": lambda each, value: each["parent"] == value[1:] if value[0] == "+" else each["bucket"] == value,
    "dimension": lambda each, value: value in each["dimensions"],
    "root": lambda each, value: (
        value in each["dimensions"] and value not in each["secondary"] and each["state"] == "decided"
    ),
    "secondary": lambda each, value: value in each["dimensions"] and value in each["secondary"],
    "turn": lambda each, value: each["turn"] == int(value),
    "early": lambda each, value: (each["kind"] == "model_ended_session_early") == (value == "yes"),
    "outcome": lambda each, value: value in {"any", each["outcome"]},
}


def selects(filters, each, by):
    """Whether a row is meant by a link's filters, told independently of the page's script."""
    wanted = {}
    for name, value in filters:
        wanted.setdefault("run" if name == "model" and by == "run" else name, []).append(value)
    wanted.setdefault("outcome", ["failed"])
    plain = {name: lambda each, value, name=name: each[name] == value for name in wanted}
    return all(any((plain | FITS)[name](each, value) for value in values) for name, values in wanted.items())


def test_every_count_leads_to_exactly_as_many_rows(analysed):
    analysis, out = analysed
    page = Page((out / "deep_error_analysis.html").read_bytes())
    rows = page.rows
    checked = 0
    for target, text in page.links:
        if not target.startswith("#rows?"):
            continue
        filters = parse_qsl(target.removeprefix("#rows?"), keep_blank_values=True, strict_parsing=bool(target[6:]))
        number = int(re.match(r"\s*(\d+)", text)[1])
        found = sum(selects(filters, each, analysis.options.compare_by) for each in rows)
        assert found == number, (target, text)
        checked += 1
    assert checked > 100


def test_the_embedded_rows_are_the_packet_and_what_else_is_counted(analysed):
    analysis, out = analysed
    page = Page((out / "deep_error_analysis.html").read_bytes())
    packet = [json.loads(line) for line in (out / "failure_review_rows.jsonl").read_text().splitlines()]
    failed = [each for each in page.rows if each["outcome"] == "failed"]
    assert [(each["run"], each["turn"], each["mode"], each["dimensions"]) for each in failed] == [
        (each["run_id"], each["turn"], each["error_mode_candidate"], each["failed_dimensions"]) for each in packet
    ]
    for place, each in enumerate(packet):
        answer, judge, _, _, why, *_ = page.embedded["texts"][str(place)]
        assert (answer, judge) == (each["assistant_text"], each["judge_reasoning"])
        tentative = each["error_mode_confidence"] == "tentative"
        runner_up = MODES[each["error_mode_runner_up"]].short_name if tentative else ""
        assert (failed[place]["confidence"], failed[place]["runner_up"]) == (each["error_mode_confidence"], runner_up)
        label = tentative_label(each["error_mode_candidate"], each["error_mode_runner_up"])
        assert why.startswith(f"{label}; rule ") is tentative
    turns = analysis.turns
    special = turns["response_kind"].isin(
        ["model_ended_session", "model_ended_session_early", "empty_response", "expected_ending"]
    )
    assert len(page.rows) - len(failed) == int((~turns["failed"] & (~turns["judged"] | special)).sum())


def test_the_heat_map_holds_every_outcome(analysed):
    analysis, out = analysed
    page = Page((out / "deep_error_analysis.html").read_bytes())
    shown = {
        (each["benchmark"], model, turn): code
        for each in page.embedded["maps"]
        for model, codes in zip(each["models"], each["codes"], strict=True)
        for turn, code in zip(each["turns"], codes, strict=True)
    }
    letters = {("failed", False): "f", ("failed", True): "g", ("passed", False): "p", ("passed", True): "k"}
    expected = {
        (each.benchmark_name, each.model_name, each.turn): letters.get((each.outcome, each.flaky), "n")
        for each in analysis.turn_outcomes.itertuples()
    }
    assert shown == expected
    cells = [
        attributes["class"]
        for tag, attributes in page.tags
        if tag == "td" and attributes.get("class") in tuple("pfgkn")
    ]
    assert "".join(cells) == "".join("".join(each["codes"]) for each in page.embedded["maps"])


def test_every_model_s_answer_stands_behind_the_cells(analysed):
    analysis, out = analysed
    page = Page((out / "deep_error_analysis.html").read_bytes())
    turns = analysis.turns.set_index("row_id")
    texts = analysis.texts(turns.index)
    for each in page.embedded["maps"]:
        for line in each["rows"]:
            for place, ref in enumerate(line):
                if ref >= 0:
                    answer = page.embedded["texts"][str(ref)][0]
                elif ref < -1:
                    answer = page.embedded["others"][str(ref)][0]
                else:
                    continue
                known = texts.loc[turns.query(f"turn == {each['turns'][place]}").index, "assistant_text"]
                assert answer in set(known)


def test_the_number_of_a_row_tells_where_it_is_and_whether_it_failed():
    positions = {5: 1, 9: 0}
    assert [row_number(label, positions) for label in (5, 7, None, 0)] == [1, -9, -1, -2]


# --- A budget ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_texts(tmp_path_factory):
    """Two models, forty failed rows each, with texts that are too long for the page."""
    folder = tmp_path_factory.mktemp("long")
    runs = []
    for model in ("a", "b"):
        said = {"assistant_text": f"{model} says " + "word " * 9000, "judge_reasoning": "It is wrong. " + "why " * 9000}
        rows = [failing(turn, model_name=model, **said) for turn in range(40)]
        runs.append(write_run(folder / "bench" / f"run_{model}", rows))
    return analyze(write_comparison(folder / "cmp", runs))


def test_texts_are_shortened_to_fit_and_the_page_says_so(long_texts):
    data = html.render(build_report(long_texts), long_texts)
    page = Page(data)
    assert len(json.dumps(page.embedded)) < html.BUDGET
    assert len(page.rows) == 80
    assert len(page.embedded["texts"]) == 80
    shown, whole = page.embedded["texts"]["0"][0]
    assert whole == len("a says " + "word " * 9000)
    assert shown.endswith("…")
    limit = int(re.search(rb"Texts longer than (\d+) characters are cut", data)[1])
    assert len(shown) <= limit


@pytest.mark.parametrize("budget", [50_000, 20_000, 3_000, 0])
def test_beyond_the_budget_only_rows_and_then_only_datapoints_remain(long_texts, budget, monkeypatch):
    monkeypatch.setattr(html, "BUDGET", budget)
    data = html.render(build_report(long_texts), long_texts)
    page = Page(data)
    texts = len(page.embedded.get("texts", {}))
    assert texts < 80
    if page.embedded["rows"]:
        assert f"80 failed rows, {texts} of them with {'its' if texts == 1 else 'their'} texts" in data.decode()
        assert len(page.rows) == 80
    else:
        assert "each count names a command that gives its rows" in data.decode()
    assert budget < 10_000 or len(json.dumps(page.embedded, separators=(",", ":"))) <= budget
    assert sum(tag == "details" and attributes["class"] == "point" for tag, attributes in page.tags) == 6


def many_answers(folder, models, length):
    """Models on two hundred turns, each answer so long; every model fails the first turn only."""
    said = {"assistant_text": "word " * (length // 5)}
    runs = [
        write_run(folder / "bench" / f"run_{n}", [row(t, {"d": t > 0}, model_name=f"m{n}", **said) for t in range(200)])
        for n in range(models)
    ]
    return analyze(write_comparison(folder / "cmp", runs))


@pytest.mark.parametrize(
    ("models", "length", "others", "limit"),
    [
        (10, 100, 1990, None),  # more than a thousand, and all fit
        (6, 3500, 1194, 1500),  # all fit, as long as they are cut a little
        (10, 8000, 1000, 1500),  # rather fewer answers than shorter ones
    ],
)
def test_the_room_decides_how_many_answers_are_held_and_what_is_not_is_said(tmp_path, models, length, others, limit):
    analysis = many_answers(tmp_path, models, length)
    data = html.render(build_report(analysis), analysis)
    page = Page(data)
    assert len(json.dumps(page.embedded)) < html.BUDGET * 1.01
    assert len(page.embedded["others"]) == others
    said = data.decode()
    assert f"{models} failed rows, all with their texts." in said
    assert (f"Texts longer than {limit} characters are cut." in said) == (limit is not None)
    left = re.search(r"The answers of (\d+) rows of the heat map that did not fail are not in this file", said)
    assert (int(left[1]) if left else 0) == models * 199 - others


@pytest.mark.parametrize("budget", [3_000_000, 30_000, 6_000, 0])
def test_the_answers_that_are_left_out_are_counted(tmp_path, monkeypatch, budget):
    monkeypatch.setattr(html, "BUDGET", budget)
    analysis = many_answers(tmp_path, 2, 300)
    data = html.render(build_report(analysis), analysis)
    embedded = Page(data).embedded
    cells = [ref for each in embedded["maps"] for line in each["rows"] for ref in line if ref < -1]
    left = re.search(r"The answers of (\d+) rows", data.decode())
    assert (int(left[1]) if left else 0) == len(cells) - len(embedded.get("others", {}))
    assert (left is None) == (budget == 3_000_000)


def test_one_failed_row_is_one(run, monkeypatch):
    analysis = analyze(run_dir=run)
    report = build_report(analysis)
    assert b'<p id="said">1 failed row, with its texts.</p>' in html.render(report, analysis)
    monkeypatch.setattr(html, "BUDGET", 0)
    assert b'<p id="said">1 failed row, too much for this file: it holds the datapoints' in html.render(
        report, analysis
    )


# --- Hostile and odd -----------------------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path):
    said = {
        "user_text": HOSTILE,
        "assistant_text": HOSTILE,
        "judge_reasoning": HOSTILE,
        "tool_calls": [{"name": HOSTILE, "args": {HOSTILE: HOSTILE}}],
        "model_name": f"m {HOSTILE[:60]}",
    }
    run = write_run(tmp_path / "bench" / "run_a", [failing(0, **said), row(1, {HOSTILE: False}, **said)])
    return analyze(run_dir=run)


def test_hostile_texts_are_words_and_nothing_else(hostile):
    data = html.render(build_report(hostile), hostile)
    page = Page(data)
    assert len(page.texts["script"]) == 2
    assert not {"img", "x"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    text = data.decode()
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert "\\u202egnp.exe" in text
    assert page.embedded["texts"]["0"][0] == HOSTILE.replace("\u202e", "\\u202e").replace("\u200b", "\\u200b")
    assert "{{ 7*7 }}" in text


def test_a_comparison_without_failures_has_a_page(tmp_path):
    analysis = analyze(run_dir=write_run(tmp_path / "bench" / "run_a", [row(0), row(1, {"tool_use_correct": None})]))
    page = page_of(analysis)
    assert [each["outcome"] for each in page.rows] == ["incomplete"]
    assert "FINAL" in html.render(build_report(analysis), analysis).decode()


def test_many_turns_leave_the_heat_map_its_hardest_and_say_so(tmp_path):
    runs = [
        write_run(tmp_path / "bench" / f"run_{n}", [row(t, {"d": t % 90 != n}, model_name=f"m{n}") for t in range(900)])
        for n in range(6)
    ]
    analysis = analyze(write_comparison(tmp_path / "cmp", runs))
    data = html.render(build_report(analysis), analysis)
    (turn_map,) = Page(data).embedded["maps"]
    assert len(turn_map["turns"]) < 900
    assert {t for t in range(900) if t % 90 < 6} <= set(turn_map["turns"])
    assert f"{900 - len(turn_map['turns'])} more are in" in data.decode()


# --- In the folder -------------------------------------------------------------------------------------------


def test_a_page_of_somebody_else_is_not_overwritten(cli, run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "deep_error_analysis.html").write_text("<p>mine")
    done = cli("analyze", "--run-dir", run, "--output", out)
    assert done.returncode == 2
    assert "deep_error_analysis.html" in done.stderr
    assert (out / "deep_error_analysis.html").read_text() == "<p>mine"


def test_a_page_of_another_name_goes_with_its_report(cli, run, tmp_path):
    out = tmp_path / "out"
    assert cli("analyze", "--run-dir", run, "--output", out / "first.md").returncode == 0
    assert (out / "first.html").exists()
    assert cli("analyze", "--run-dir", run, "--output", out / "second.md").returncode == 0
    assert sorted(path.name for path in out.glob("*.html")) == ["second.html"]


def test_verify_names_a_page_that_does_not_hold(cli, run, tmp_path):
    out = tmp_path / "out"
    assert cli("analyze", "--run-dir", run, "--output", out).returncode == 0
    assert cli("report", out, "--verify").returncode == 0
    page = out / "deep_error_analysis.html"
    page.write_text(page.read_text().replace("1/2, 50.0%", "0/2, 0.0%"))
    done = cli("report", out, "--verify")
    assert done.returncode == 4
    assert "deep_error_analysis.html" in done.stderr
    assert cli("report", out).returncode == 0
    assert cli("report", out, "--verify").returncode == 0


def test_an_interrupt_leaves_no_traceback_and_no_folder(tmp_path):
    rows = [failing(turn, user_text="words and more words " * 100) for turn in range(6000)]
    run = write_run(tmp_path / "bench" / "run_a", rows)
    command = [sys.executable, "-m", "pipeline", "analyze", "--run-dir", str(run), "--output", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(tmp_path.glob(".out.staging-*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in complaints
    assert [path.name for path in tmp_path.iterdir()] == ["bench"]
