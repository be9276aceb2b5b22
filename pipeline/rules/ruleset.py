"""Rules and where they come from: the package and a user's file."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import schema
from pipeline.errors import Problem, RulesError
from pipeline.rules.builtin_files import builtin_bytes, read_builtin
from pipeline.rules.validation import problems_in

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILTIN: Final = "builtin"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it matches a row where every condition that it names holds.

    A rule with weights counts for some modes, and against those of negative weight; weights add up. A rule without
    weights decides.
    """

    id: str
    mode: str
    why: str
    weights: Mapping[str, float] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    """Concept patterns (`patterns.py`), one of which a clause of the reasoning matches."""
    unless_says: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    no_signals: tuple[str, ...] = ()
    response_kind: tuple[str, ...] = ()
    failed_any: tuple[str, ...] = ()
    failed_only: tuple[str, ...] = ()
    tool_calls: str | None = None
    look_in: str = "judge_reasoning"
    pattern: str | None = None
    """RE2, without regard to case: on each critical clause of the reasoning, on any other text as a whole."""
    unless: str | None = None
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    """Texts that `says` or `pattern` must match, and must not match."""

    @property
    def decides(self) -> bool:
        """Whether the rule decides the mode of a row instead of adding to its scores."""
        return not self.weights


@dataclass(frozen=True)
class RuleSet:
    """Rules in order, and the score of each mode before any rule counts."""

    rules: tuple[Rule, ...]
    start: Mapping[str, float] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of the rules themselves, independent of the file's comments and layout."""
        return hashlib.sha256(msgspec.json.encode((self.rules, self.start), order="sorted")).hexdigest()


@cache
def builtin_rules() -> RuleSet:
    """Return the rules of the package; the tests validate them."""
    weights = msgspec.json.decode(builtin_bytes("weights.json"))
    rules = [rule if rule.weights else replace(rule, weights=weights.get(rule.id, {})) for rule in unweighted_rules()]
    return RuleSet(tuple(rule for rule in rules if rule.weights), weights["start"])


def unweighted_rules() -> list[Rule]:
    """Return the rules of the package without the fitted weights in `weights.json`."""
    return [
        _rule({"mode": mode, **table}) for mode in schema.ERROR_MODES for table in read_builtin(f"{mode}.toml")["rule"]
    ]


def parse_rules(text: bytes, name: str) -> RuleSet:
    """Parse a rules file; `name` is its name in error messages.

    With `extends = "builtin"` the rules of the package follow the file's own, which replace those of the same id.
    Raises `RulesError` with every problem: not TOML, unknown keys or values, two rules of one id, an expression that
    RE2 rejects, a concept pattern with unknown concepts.
    """
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RulesError(Problem(name, f"not UTF-8 at byte {error.start + 1}", "save the file as UTF-8")) from None
    except (ValueError, RecursionError) as error:  # not TOML, a number of thousands of digits, or nested too deep
        raise RulesError(Problem(name, f"not TOML: {error}", "see the rules page in design/")) from None
    if problems := problems_in(data, name, tuple(each.name for each in fields(Rule))):
        raise RulesError(*problems)
    rules = [_rule(table) for table in data.get("rule", [])]
    if data.get("extends") != BUILTIN:
        return RuleSet(tuple(rules))
    own = {rule.id for rule in rules}
    builtin = builtin_rules()
    return RuleSet((*rules, *(rule for rule in builtin.rules if rule.id not in own)), builtin.start)


def _rule(table: dict[str, Any]) -> Rule:
    """Return a rule from its table; `weight` is the weight for the rule's own mode."""
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    if (weight := values.pop("weight", None)) is not None:
        values["weights"] = {table["mode"]: float(weight)}
    return Rule(**values)
