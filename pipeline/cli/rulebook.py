"""The `rules` commands: list rules, explain a row's mode, check a rules file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c
from pipeline.errors import Problem, UsageError
from pipeline.load.files import read_bytes
from pipeline.load.folder_rows import read_run_of
from pipeline.review.answer import Answer
from pipeline.rules.explain import Explanation, check_examples, explain, looks_at
from pipeline.rules.ruleset import RuleSet, builtin_rules, parse_rules

if TYPE_CHECKING:
    from pipeline.rules.ruleset import Rule

_BUILTIN_NAME: Final = "the built-in rules"
_WIDTH: Final = 100


def list_rules(file: Path | None, mode: str | None) -> Answer:
    """List the rules of a file, or the built-in ones, each with what it looks at and what it weighs."""
    if mode is not None and mode not in c.ERROR_MODES:
        raise UsageError(Problem("--mode", f"unknown mode {mode!r}", f"choose one of: {', '.join(c.ERROR_MODES)}"))
    rules = _rules(file)
    shown = [rule for rule in rules.rules if mode in {None, rule.mode}]
    lines = [f"{len(shown)} rules of {_BUILTIN_NAME if file is None else file}"]
    for name in c.ERROR_MODES:
        if of_mode := [rule for rule in shown if rule.mode == name]:
            lines += ["", f"{name} (starts at {rules.start.get(name, 0):+.2f})"]
            lines += [line for rule in of_mode for line in _lines(rule)]
    data = {
        "rules_sha256": rules.sha256,
        "start": rules.start,
        "rules": [
            {"id": rule.id, "mode": rule.mode, "why": rule.why, "looks_at": looks_at(rule), "weights": rule.weights}
            for rule in shown
        ],
    }
    return Answer("\n".join(lines), data)


def explain_row(folder: Path, row_id: str) -> Answer:
    """Show every signal that spoke for or against each mode on a failed row."""
    run = read_run_of(folder, row_id)
    rules = builtin_rules() if run.rules_file is None else _rules_again(run.rules_file)
    if rules.sha256 != run.rules_sha256:
        fix = "analyse again, so that rows and rules belong together"
        raise UsageError(Problem(str(folder), "was labelled by other rules than there are now", fix))
    found = explain(run.turns, row_id, rules)
    return Answer(_as_text(found), _as_data(found))


def check_rules(file: Path) -> Answer:
    """Check a rules file and its examples; raises `RulesError` with every problem."""
    rules = parse_rules(read_bytes(file), file.name)
    own = [rule for rule in rules.rules if rule not in builtin_rules().rules]
    check_examples(own, file.name)
    examples = sum(len(rule.match) + len(rule.no_match) for rule in own)
    text = f"{file}: {len(own)} rules are sound, {examples} examples hold"
    return Answer(text, {"rules": len(own), "examples": examples, "rules_sha256": rules.sha256})


def _rules(file: Path | None) -> RuleSet:
    return builtin_rules() if file is None else parse_rules(read_bytes(file), file.name)


def _rules_again(file: str) -> RuleSet:
    return _rules(Path(file))


def _lines(rule: Rule) -> list[str]:
    weights = ", ".join(f"{mode} {weight:+.2f}" for mode, weight in rule.weights.items()) or "decides"
    return [f"  {rule.id}", f"    {rule.why}", f"    looks at: {looks_at(rule)}", f"    weighs: {weights}"]


def _as_text(found: Explanation) -> str:
    lines = [f"{found.row_id}: {found.mode}", f"decided by {found.rule}: {found.evidence}"]
    lines += [f"runner-up: {found.runner_up or 'none'}"]
    for standing in found.standings:
        lines += ["", f"{standing.total:+.2f} {standing.mode} (starts at {standing.start:+.2f})"]
        for voice in standing.voices:
            weight = "decides" if voice.weight is None else f"{voice.weight:+.2f}"
            lines.append(f"  {weight:>7} {voice.rule}: {_short(voice.saw or voice.why)}")
    return "\n".join(lines)


def _as_data(found: Explanation) -> dict[str, Any]:
    return {
        "row_id": found.row_id,
        c.ERROR_MODE: found.mode,
        c.ERROR_MODE_RULE: found.rule,
        c.ERROR_MODE_EVIDENCE: found.evidence,
        c.ERROR_MODE_RUNNER_UP: found.runner_up,
        "modes": [
            {
                "mode": standing.mode,
                "total": standing.total,
                "start": standing.start,
                "signals": [voice._asdict() for voice in standing.voices],
            }
            for standing in found.standings
        ],
    }


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
