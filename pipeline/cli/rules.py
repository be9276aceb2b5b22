"""The `rules` commands: list the error-mode rules, explain a row's mode, check a rules file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline import schema
from pipeline.cli import printing
from pipeline.cli.options import AsJson
from pipeline.errors import Problem, UsageError
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from pipeline.rules.explain import Explanation
    from pipeline.rules.ruleset import Rule, RuleSet

app = typer.Typer(help="List the error-mode rules, explain a mode, check a file.")

_WIDTH: Final = 70
_MOST: Final = 12
_LEAST: Final = 0.2
_DECIDES: Final = 1000.0


@app.command("list")
def list_rules(
    file: Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="Rules of a file.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="Only rules that speak for a mode.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the rules: what each looks at, what it weighs, and why."""
    if mode is not None and mode not in schema.ERROR_MODES:
        fix = f"choose one of: {', '.join(schema.ERROR_MODES)}"
        raise UsageError(Problem("--mode", f"unknown mode {mode!r}", fix))
    rules = _read_rules(file)
    shown = [rule for rule in rules.rules if mode in {None, rule.mode}]
    title = f"{len(shown)} rules of {'the built-in rules' if file is None else file}"
    answer = Answer("\n".join([title, *_list_lines(rules, shown)]), _list_data(rules, shown))
    printing.print_answer(answer, as_json=as_json)


@app.command("explain")
def explain_row(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An analysis folder.")],
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID", help="A failed row, such as run-1:17.")],
    as_json: AsJson = False,
) -> None:
    """Show what speaks for each error mode of a failed row.

    It lists each sentence of the judge, and what both readers think.
    """
    from pipeline.load.folder_rows import read_labelled
    from pipeline.rules.explain import explain

    found = read_labelled(folder, row_id)
    rules = _read_rules(None if found.rules_file is None else Path(found.rules_file))
    if rules.sha256 != found.rules_sha256:
        fix = "analyse again, so that rows and rules belong together"
        raise UsageError(Problem(str(folder), "was labelled by other rules than there are now", fix))
    explanation = explain(found.row, rules)
    answer = Answer(_explanation_text(explanation), _explanation_data(explanation))
    printing.print_answer(answer, as_json=as_json)


@app.command("check")
def check_rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A rules file.")],
    as_json: AsJson = False,
) -> None:
    """Check a rules file: its form and its examples."""
    from pipeline.rules.explain import check_examples
    from pipeline.rules.ruleset import builtin_rules

    rules = _read_rules(file)
    own = [rule for rule in rules.rules if rule not in builtin_rules().rules]
    check_examples(own, file.name)
    examples = sum(len(rule.match) + len(rule.no_match) for rule in own)
    text = f"{file}: {len(own)} rules are sound, {examples} examples hold"
    data = {"rules": len(own), "examples": examples, "rules_sha256": rules.sha256}
    printing.print_answer(Answer(text, data), as_json=as_json)


def _read_rules(file: Path | None) -> RuleSet:
    """Return the rules of a file, or those of the package; raises `RulesError` and `InputError`."""
    from pipeline.load.files import read_bytes
    from pipeline.rules.ruleset import builtin_rules, parse_rules

    return builtin_rules() if file is None else parse_rules(read_bytes(file), file.name)


def _list_lines(rules: RuleSet, shown: list[Rule]) -> list[str]:
    from pipeline.rules.explain import looks_at

    lines = []
    for mode in schema.ERROR_MODES:
        if of_mode := [rule for rule in shown if rule.mode == mode]:
            lines += ["", f"{mode} (starts at {rules.start.get(mode, 0):+.2f})"]
        for rule in of_mode:
            weights = ", ".join(f"{each} {weight:+.2f}" for each, weight in rule.weights.items()) or "decides"
            lines += [f"  {rule.id}", f"    {rule.why}", f"    looks at: {looks_at(rule)}", f"    weighs: {weights}"]
    return lines


def _list_data(rules: RuleSet, shown: list[Rule]) -> dict[str, Any]:
    from pipeline.rules.explain import looks_at

    return {
        "rules_sha256": rules.sha256,
        "start": rules.start,
        "rules": [
            {"id": rule.id, "mode": rule.mode, "why": rule.why, "looks_at": looks_at(rule), "weights": rule.weights}
            for rule in shown
        ],
    }


def _explanation_text(explanation: Explanation) -> str:
    from tabulate import tabulate

    verdict = explanation.verdict
    runner_up = verdict.runners_up[0] or "none"
    contributions = sorted(explanation.contributions, key=lambda each: -abs(each.weight or _DECIDES))
    shown = [each for each in contributions if abs(each.weight or _DECIDES) >= _LEAST][:_MOST]
    said = [
        (_shortened(each.seen), each.mode, "decides" if each.weight is None else f"{each.weight:+.2f}", each.rule)
        for each in shown
    ]
    opinions = [
        (
            each.mode,
            f"{each.by_rules:.0%}",
            "-" if each.by_text is None else f"{each.by_text:.0%}",
            f"{each.together:.0%}",
        )
        for each in explanation.opinions
    ]
    return "\n".join(
        [
            f"{explanation.row_id}: {verdict.modes[0]} ({verdict.confidence[0]}; runner-up: {runner_up})",
            f"decided by {verdict.rules[0]}: {verdict.evidence[0]}",
            "",
            tabulate(said, headers=("what was read", "speaks for", "weight", "rule"), disable_numparse=True),
            "",
            tabulate(opinions, headers=("error mode", "rules", "text model", "together"), disable_numparse=True),
        ]
    )


def _explanation_data(explanation: Explanation) -> dict[str, Any]:
    verdict = explanation.verdict
    return {
        "row_id": explanation.row_id,
        "error_mode": verdict.modes[0],
        "error_mode_rule": verdict.rules[0],
        "error_mode_evidence": verdict.evidence[0],
        "error_mode_runner_up": verdict.runners_up[0],
        "error_mode_confidence": verdict.confidence[0],
        "contributions": [asdict(each) for each in explanation.contributions],
        "opinions": [asdict(each) for each in explanation.opinions],
    }


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
