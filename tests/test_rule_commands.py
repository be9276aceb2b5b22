"""`rules list`, `rules explain` and `rules check`, run as commands; and the built-in rules' own examples."""

from __future__ import annotations

import itertools
import json

import pytest
from builders import row as judged_row
from builders import write_run

from pipeline.rules.explain import check_examples
from pipeline.rules.ruleset import builtin_rules, unweighted_rules

MINE = """
version = 1
extends = "builtin"

[[rule]]
id = "late-fee"
mode = "knowledge_grounding_error"
why = "Our judge complains of the late fee."
weight = 2.5
pattern = "late fee"
match = ["It invented a late fee."]
no_match = ["It did not mention any fee."]
"""


@pytest.fixture
def analysed(cli, comparison, tmp_path):
    done = cli("analyze", "--comparison-dir", comparison, "--output", "out")
    assert done.returncode == 0
    with (tmp_path / "out" / "failure_review_rows.jsonl").open(encoding="utf-8") as packet:
        return [json.loads(line) for line in packet]


def test_every_built_in_rule_holds_on_its_examples_and_not_on_the_others():
    check_examples(unweighted_rules(), "built-in")
    for rule in unweighted_rules():
        assert rule.why.endswith(".")
        assert not rule.reads or (len(rule.match) > 1 and rule.no_match)
    for rule in builtin_rules().rules:
        assert rule.weights or rule.response_kind
        assert all((weight > 0) == (mode == rule.mode) for mode, weight in rule.weights.items()) or not rule.pattern


def test_rules_list_shows_every_rule(cli):
    shown = cli("rules", "list")
    assert shown.returncode == 0
    as_json = json.loads(cli("rules", "list", "--json").stdout)
    ids = [rule.id for rule in builtin_rules().rules]
    assert [rule["id"] for rule in as_json["rules"]] == ids
    assert as_json["rules_sha256"] == builtin_rules().sha256
    assert all(rule["why"] and rule["looks_at"] for rule in as_json["rules"])
    assert all(f"  {rule_id}\n" in shown.stdout for rule_id in ids)


def test_rules_list_of_one_mode_and_of_a_file(cli, tmp_path):
    listed = json.loads(cli("rules", "list", "--mode", "empty_response", "--json").stdout)
    assert {rule["mode"] for rule in listed["rules"]} == {"empty_response"}
    assert cli("rules", "list", "--mode", "empty").returncode == 2
    (tmp_path / "mine.toml").write_text(MINE)
    ids = [rule["id"] for rule in json.loads(cli("rules", "list", "--rules", "mine.toml", "--json").stdout)["rules"]]
    assert ids[0] == "late-fee"
    assert len(ids) == len(builtin_rules().rules) + 1


def test_rules_explain_adds_up_to_the_verdict_of_the_analysis(cli, analysed):
    for row in analysed[:6]:
        found = json.loads(cli("rules", "explain", "out", row["row_id"], "--json").stdout)
        assert found["error_mode"] == row["error_mode_candidate"]
        assert found["error_mode_rule"] == row["error_mode_rule"]
        assert found["error_mode_evidence"] == row["error_mode_evidence"]
        assert found["error_mode_runner_up"] == row["error_mode_runner_up"]
        assert found["error_mode_confidence"] == row["error_mode_confidence"]
        together = [opinion["together"] for opinion in found["opinions"]]
        assert len(together) == 8
        assert together == sorted(together, reverse=True)
        assert sum(together) == pytest.approx(1)
        assert all(each["seen"] and each["mode"] and each["rule"] for each in found["contributions"])
    shown = cli("rules", "explain", "out", analysed[0]["row_id"])
    assert shown.stdout.startswith(f"{analysed[0]['row_id']}: {analysed[0]['error_mode_candidate']} (")
    assert "text model" in shown.stdout


def test_rules_explain_refuses_what_it_cannot_explain(cli, analysed, tmp_path):
    assert cli("rules", "explain", "nowhere", "x:1").returncode == 2
    unknown = cli("rules", "explain", "out", "no-run:7", "--json")
    assert unknown.returncode == 2
    assert json.loads(unknown.stdout)["error"]["problems"][0]["where"] == "no-run:7"
    (tmp_path / "out" / "tables" / "turns.parquet").write_bytes(b"not parquet")
    broken = cli("rules", "explain", "out", analysed[0]["row_id"])
    assert broken.returncode == 2
    assert "Traceback" not in broken.stderr


def test_rules_explain_goes_by_the_rules_of_the_analysis(cli, comparison, tmp_path):
    (tmp_path / "mine.toml").write_text('[[rule]]\nid = "all"\nmode = "other"\nwhy = "Any."\nfailed_any = ["a"]\n')
    rules = tmp_path / "mine.toml"
    assert cli("analyze", "--comparison-dir", comparison, "--rules", "mine.toml", "--output", "out").returncode == 0
    packet = (tmp_path / "out" / "failure_review_rows.jsonl").read_text().splitlines()
    row_id = json.loads(packet[0])["row_id"]
    assert cli("rules", "explain", "out", row_id).returncode == 0
    rules.write_text(rules.read_text().replace("Any.", "Another."))
    changed = cli("rules", "explain", "out", row_id)
    assert changed.returncode == 2
    assert "other rules" in changed.stderr


def test_rules_check_tells_every_fault(cli, tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    sound = json.loads(cli("rules", "check", "mine.toml", "--json").stdout)
    assert sound["examples"] == 2
    faulty = MINE.replace("pattern =", 'says = ["ask again"]\ntool_calls = "calld"\npattern =').replace("2.5", '"x"')
    (tmp_path / "mine.toml").write_text(faulty)
    refused = cli("rules", "check", "mine.toml", "--json")
    assert refused.returncode == 2
    told = " ".join(problem["what"] for problem in json.loads(refused.stdout)["error"]["problems"])
    assert all(word in told for word in ("unknown key says", "calld", "weight"))
    (tmp_path / "mine.toml").write_text(MINE.replace("late fee.", "early fee."))
    wrong = cli("rules", "check", "mine.toml")
    assert wrong.returncode == 2
    assert "does not match" in wrong.stderr
    assert cli("rules", "check", "no.toml").returncode == 2


def test_a_rule_with_a_weight_is_weighed_and_one_without_decides(cli, comparison, tmp_path):
    light = MINE.replace('pattern = "late fee"', 'failed_any = ["a", "tool_use_correct"]').split("match =")[0]
    (tmp_path / "light.toml").write_text(light.replace("2.5", "0.01"))
    (tmp_path / "heavy.toml").write_text(light.replace("weight = 2.5\n", ""))
    modes = {}
    for name in ("light", "heavy"):
        done = cli("analyze", "--comparison-dir", comparison, "--rules", f"{name}.toml", "--output", name)
        assert done.returncode == 0
        packet = (tmp_path / name / "failure_review_rows.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in packet]
        modes[name] = [row["error_mode_rule"] for row in rows if "tool_use_correct" in row["failed_dimensions"]]
    assert "late-fee" not in modes["light"]
    assert set(modes["heavy"]) <= {"late-fee"}


def test_rules_explain_leaves_out_the_dimensions_that_the_analysis_left_out(cli, tmp_path):
    rows = [
        judged_row(number, {"tool_use_correct": False, "kb_grounding": score}, judge_reasoning=said)
        for number, (score, said) in enumerate(
            itertools.product((True, False, None), ("It stopped.", "Nothing was said.", "It made a fee up."))
        )
    ]
    run = write_run(tmp_path / "b" / "r", rows)
    assert cli("analyze", "--run-dir", run, "--exclude-dimension", "kb_grounding", "--output", "o").returncode == 0
    for line in (tmp_path / "o" / "failure_review_rows.jsonl").read_text().splitlines():
        packet = json.loads(line)
        found = json.loads(cli("rules", "explain", "o", packet["row_id"], "--json").stdout)
        assert [found["error_mode"], found["error_mode_evidence"], found["error_mode_runner_up"]] == [
            packet["error_mode_candidate"],
            packet["error_mode_evidence"],
            packet["error_mode_runner_up"],
        ]


def test_a_group_without_a_command_shows_its_help(cli):
    done = cli("rules")
    assert done.returncode == 2
    assert "\n  explain" in done.stdout
