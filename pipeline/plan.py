"""Decide what an analysis reads and by which rules, before any row is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from pipeline import schema as c
from pipeline.errors import Problem, UsageError
from pipeline.load.artifacts import summary_file, transcript_file
from pipeline.load.comparison import RUN_RESULTS
from pipeline.load.files import absolute, read_bytes, size_of
from pipeline.load.runs import RunList, find_runs
from pipeline.rules.ruleset import RuleSet, builtin_rules, parse_rules

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.listener import Listener
    from pipeline.load.records import Options, Request


class Plan(NamedTuple):
    """The runs, the rules and the options of one analysis."""

    listed: RunList
    rules: RuleSet
    rules_file: Path | None
    runs_root: Path | None
    options: Options


def make_plan(request: Request, listener: Listener) -> Plan:
    """Find the runs and read the rules.

    Raises `UsageError` for a choice that does not exist, `InputError` for runs or files that are missing, and
    `RulesError` for a faulty rules file.
    """
    _check_choice("--compare-by", request.options.compare_by, get_args(c.CompareBy))
    _check_choice("--repeat-policy", request.options.repeat_policy, get_args(c.RepeatPolicy))
    listed = find_runs(request.comparison_dir, request.run_dirs, request.runs_root, request.options, listener.say)
    rules = builtin_rules() if request.rules is None else parse_rules(read_bytes(request.rules), request.rules.name)
    listener.expect(sum(size_of(run.judged_file) for run in listed.runs))
    rules_file, runs_root = (path and absolute(path) for path in (request.rules, request.runs_root))
    return Plan(listed, rules, rules_file, runs_root, request.options)


def input_files(plan: Plan) -> list[Path]:
    """List the files whose change calls for a new analysis."""
    listed = plan.listed
    files = [] if listed.comparison_dir is None else [listed.comparison_dir / RUN_RESULTS]
    files += [] if plan.rules_file is None else [plan.rules_file]
    for run in listed.runs:
        beside = (transcript_file(run), summary_file(run))
        files += [run.judged_file, *(path for path in beside if path.exists())]
    return files


def local_facts(plan: Plan) -> dict[str, object]:
    """Say where things lie on this machine, for whoever builds the report again."""
    listed = plan.listed
    return {
        "comparison_dir": listed.comparison_dir and str(listed.comparison_dir),
        "base": str(listed.base),
        "run_dirs": {run.run_id: str(run.directory) for run in listed.runs},
        "rules": plan.rules_file and str(plan.rules_file),
        "runs_root": plan.runs_root and str(plan.runs_root),
    }


def _check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(Problem(option, f"unknown value {value!r}", f"choose one of: {', '.join(known)}"))
