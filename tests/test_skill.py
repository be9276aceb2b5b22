"""The agent skill: every command in it is run, every mention of one is real, and it can be put into a repository."""

import json
import re
import shlex
from pathlib import Path

import pytest
from builders import write_lines
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.ledger.codebook import ATTRIBUTIONS, FINER, MODES, NO_MODEL_ERROR

ROOT = Path(__file__).parent.parent
PLACE = Path(".agents/skills/model-run-error-analysis/SKILL.md")
SAMPLE = ROOT / "data_samples/comparisons/clinic_three_models"
BYTES = (ROOT / "pipeline/cli/SKILL.md").read_bytes()
SKILL = BYTES.decode()
FRONT, BODY = SKILL.split("\n---\n", 1)
FENCES = re.findall(r"^ *```sh\n(.*?)^ *```$", BODY, re.DOTALL | re.MULTILINE)
LINES = [line.strip() for fence in FENCES for line in fence.replace("\\\n", " ").splitlines() if line.strip()]
COMMANDS = [shlex.split(line)[1:] for line in LINES if line.startswith("error-analysis ")]
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", BODY, flags=re.DOTALL | re.MULTILINE))
TOO_EARLY = "Exit code 4 means that it is too early"
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+[A-Z]\b")
VALUES = {
    "YOUR_NAME": "reader-1",
    "COMPARISON_DIR": str(SAMPLE),
    "DIR": "out",
    "ROW_ID": "heron-voice-1_20260302:24",
    "MODEL": "heron-voice-1",
    "BUCKET": "other",
    "ATTRIBUTION": "model",
    "DIMENSION": "turn_taking",
    "QUOTE": "there'd be a late-cancellation charge of <b>",
    "TEXT": "The answer stops before the amount.",
    "NEW_BUCKET": "cut_off_answer",
    "MODE": "other",
}


def front_matter():
    assert FRONT.startswith("---\n")
    return dict(line.split(": ", 1) for line in FRONT.removeprefix("---\n").splitlines())


@pytest.fixture(scope="module")
def helped():
    """The help text of a command, asked for once."""
    texts = {}

    def ask(*path):
        if path not in texts:
            done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
            assert done.exit_code == 0, (path, done.output)
            texts[path] = done.output
        return texts[path]

    return ask


def subcommands(text):
    _, _, listed = text.partition("\nCommands:\n")
    return re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)


def command_path(helped, words):
    """The words that name the command; it must be one that does something."""
    path = []
    for word in words:
        if not subcommands(helped(*path)):
            break
        assert word in subcommands(helped(*path)), words
        path.append(word)
    return path


def test_the_front_matter_names_the_skill_by_its_folder():
    values = front_matter()
    assert list(values) == ["name", "description"]
    assert values["name"] == PLACE.parent.name
    assert 80 < len(values["description"]) < 1024
    assert not re.search(r": | #", values["description"]), "needs quotes in YAML"
    assert (ROOT / PLACE).read_bytes() == BYTES


def test_its_tables_hold_the_buckets_and_attributions_there_are():
    tables = dict(re.findall(r"^\| `(\w+)` \| (?:`(\w+)` \| )?.*\|$", BODY, re.MULTILINE))
    assert tables == dict.fromkeys((*MODES, NO_MODEL_ERROR), "") | {name: of.parent for name, of in FINER.items()}
    assert list(tables) == [*MODES, NO_MODEL_ERROR, *FINER]
    assert {f"`{name}`" for name in ATTRIBUTIONS} <= set(re.findall(r"`\w+`", BODY))


def mentions(helped):
    """Every inline mention of a command: with the program's name, or beginning with a command of it."""
    first = subcommands(helped())
    for text in INLINE:
        words = text.split()
        if words[0] == "error-analysis" and words[1:]:
            yield words[1:]
        elif words[0] in first and (words[1:] or words[0] not in {"review", "report"}):
            yield words


def test_every_mention_names_a_command_and_options_that_exist(helped):
    found = [*COMMANDS, *mentions(helped)]
    assert len(found) > len(COMMANDS) > 10
    for words in found:
        path = command_path(helped, words)
        options = {word for word in words if word.startswith("--")}
        assert options <= set(re.findall(r"--[a-z-]+", helped(*path))), words


def test_every_lone_option_is_one_of_a_command_it_mentions(helped):
    known = {"--help"}
    for words in [*COMMANDS, *mentions(helped)]:
        known |= set(re.findall(r"--[a-z-]+", helped(*command_path(helped, words))))
    lone = {word for text in INLINE for word in re.findall(r"--[a-z-]+", text)}
    assert lone
    assert lone <= known


def test_its_commands_lead_from_judged_runs_to_a_final_report(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER", raising=False)
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER_KIND", raising=False)
    before = {path: path.read_bytes() for path in (ROOT / "data_samples").rglob("*") if path.is_file()}
    folder = tmp_path / VALUES["DIR"]
    run = []
    for line in LINES:
        program, *words = shlex.split(line)
        if program == "export":
            name, _, value = words[0].partition("=")
            monkeypatch.setenv(name, VALUES.get(value, value))
            continue
        assert program == "error-analysis", line
        words = [PLACEHOLDER.sub(lambda found: VALUES[found[0]], word) for word in words]
        done = cli(*words)
        if "--final" in words:
            assert TOO_EARLY in BODY
            assert done.returncode == 4, done.stderr
            assert "osprey-2-mini: empty_response" in done.stderr
            assert "heron-voice-1: other" not in done.stderr, "the commands before have read and described it"
            review_the_rest(cli, folder)
            done = cli(*words)
        assert done.returncode == 0, (line, done.stderr)
        run.append(words)
    assert len(run) == len(COMMANDS)
    assert "**Status: FINAL (33 of 33 failed rows reviewed; " in (folder / "deep_error_analysis.md").read_text("utf-8")
    events = [json.loads(line) for line in (folder / "reviews.jsonl").read_text("utf-8").splitlines()]
    assert {(event["reviewer"], event["reviewer_kind"]) for event in events} == {("reader-1", "agent")}
    assert before == {path: path.read_bytes() for path in (ROOT / "data_samples").rglob("*") if path.is_file()}


def review_the_rest(cli, folder):
    """Stand in for the reader of all other rows: open each, decide it as the rules did, describe what is major."""
    decided = []
    while rows := json.loads(cli("review", "next", folder, "--limit", "25", "--json").stdout)["rows"]:
        drafts = [
            {
                "row_id": row["row_id"],
                "bucket": row["provisional"]["mode"] if row["failed"] else NO_MODEL_ERROR,
                "attribution": "model",
            }
            for row in rows
        ]
        done = cli("review", "import", folder, write_lines(folder.parent / "decisions.jsonl", drafts))
        assert done.returncode == 0, done.stderr
        decided += [row for row in rows if row["failed"]]
    for missing in json.loads(cli("review", "status", folder, "--json").stdout)["gate_missing"]:
        cited = [
            row["row_id"]
            for row in decided
            if (row["model_name"], row["provisional"]["mode"]) == (missing["model_name"], missing["bucket"])
            and row["response_kind"] != "model_ended_session_early"
        ]
        where = ["--model", missing["model_name"], "--bucket", missing["bucket"]]
        what = ["--what-goes-wrong", "It goes wrong.", "--triggers", "Some turns.", "--row", *cited]
        done = cli("review", "describe", folder, *where, *what)
        assert done.returncode == 0, done.stderr


def test_a_review_command_without_a_name_stops(cli, comparison, tmp_path, monkeypatch):
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER", raising=False)
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER_KIND", raising=False)
    assert cli("analyze", "--comparison-dir", comparison, "--output", tmp_path / "out").returncode == 0
    done = cli("review", "next", tmp_path / "out")
    assert done.returncode == 2
    assert "ERROR_ANALYSIS_REVIEWER" in done.stderr
    assert not (tmp_path / "out/reviews.jsonl").exists()


def test_install_writes_the_same_bytes_and_says_when_they_are_there(cli, tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    first = cli("skill", "install", repository)
    assert (first.returncode, first.stdout) == (0, f"{repository / PLACE}: installed\n")
    assert (repository / PLACE).read_bytes() == BYTES
    second = cli("skill", "install", repository)
    assert (second.returncode, second.stdout) == (0, f"{repository / PLACE}: there already\n")
    assert (repository / PLACE).read_bytes() == BYTES


def test_install_goes_here_by_default_and_replaces_another_version(cli, tmp_path):
    (tmp_path / PLACE).parent.mkdir(parents=True)
    (tmp_path / PLACE).write_bytes(b"an older one\n")
    done = cli("skill", "install", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"path": str(PLACE), "state": "replaced"}
    assert (tmp_path / PLACE).read_bytes() == BYTES


def test_install_refuses_a_folder_that_does_not_exist(cli, tmp_path):
    done = cli("skill", "install", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert not (tmp_path / "nowhere").exists()
