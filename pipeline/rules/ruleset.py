"""Rules and where they come from: the package's own, and a user's file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final

import msgspec

from pipeline import schema as c
from pipeline.errors import Problem, RulesError
from pipeline.rules.builtin_files import builtin_bytes, read_builtin

BUILTIN: Final = "builtin"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: every condition that it names must hold.

    A rule with weights speaks for some modes (and against those of negative weight); weights add up. A rule
    without weights decides.
    """

    id: str
    mode: str
    why: str
    weights: Mapping[str, float] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    """Sayings (`sayings.py`), one of which a clause of the reasoning says."""
    unless_says: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    no_signals: tuple[str, ...] = ()
    response_kind: tuple[str, ...] = ()
    failed_any: tuple[str, ...] = ()
    failed_only: tuple[str, ...] = ()
    tool_calls: str | None = None
    look_in: str = c.JUDGE_REASONING
    pattern: str | None = None
    """RE2, whatever the case: on each clause of the reasoning that may blame, on any other text as a whole."""
    unless: str | None = None
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    """Texts on which `says` or `pattern` must hold, and must not."""

    @property
    def decides(self) -> bool:
        """Whether the rule settles a row instead of being weighed."""
        return not self.weights


@dataclass(frozen=True)
class RuleSet:
    """Rules in their order, and where each mode's weight starts."""

    rules: tuple[Rule, ...]
    start: Mapping[str, float] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of what the rules say, whatever the file's comments and layout."""
        return hashlib.sha256(msgspec.json.encode((self.rules, self.start), order="sorted")).hexdigest()


@cache
def builtin_rules() -> RuleSet:
    """Read the rules that come with the package; the tests have validated them."""
    weights = msgspec.json.decode(builtin_bytes("weights.json"))
    rules = [rule if rule.weights else replace(rule, weights=weights.get(rule.id, {})) for rule in unweighed_rules()]
    return RuleSet(tuple(rule for rule in rules if rule.weights), weights["start"])


def unweighed_rules() -> list[Rule]:
    """Read the package's rules without the weights that are fitted to labelled rows and stand apart."""
    return [_rule({"mode": mode, **table}) for mode in c.ERROR_MODES for table in read_builtin(f"{mode}.toml")["rule"]]


def parse_rules(text: bytes, name: str) -> RuleSet:
    """Read a rules file.

    With `extends = "builtin"` the built-in rules stand behind its own, which replace those of the same id.
    Raises `RulesError` with every problem: not TOML, unknown keys or values, two rules of one id, an
    expression that RE2 does not take, a saying of unknown concepts.
    """
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RulesError(Problem(name, f"not UTF-8 at byte {error.start + 1}", "save the file as UTF-8")) from None
    except (ValueError, RecursionError) as error:  # not TOML, a number of thousands of digits, or nested too deep
        raise RulesError(Problem(name, f"not TOML: {error}", "see the rules page in design/")) from None
    from pipeline.rules.faults import faults_of  # noqa: PLC0415 - only a file of a user's may be faulty

    if problems := faults_of(data, name, tuple(each.name for each in fields(Rule))):
        raise RulesError(*problems)
    rules = [_rule(table) for table in data.get("rule", [])]
    if data.get("extends") != BUILTIN:
        return RuleSet(tuple(rules))
    own = {rule.id for rule in rules}
    builtin = builtin_rules()
    return RuleSet((*rules, *(rule for rule in builtin.rules if rule.id not in own)), builtin.start)


def _rule(table: dict[str, Any]) -> Rule:
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    if (weight := values.pop("weight", None)) is not None:
        values["weights"] = {table["mode"]: float(weight)}
    return Rule(**values)
