"""Rules and where they come from: the package and a user's file."""

from __future__ import annotations

import hashlib
import re
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
REASONING: Final = "judge_reasoning"


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
    pattern: tuple[str, ...] = ()
    """RE2 expressions, without regard to case, one of which matches: a sentence's complaint, or the `look_in` text."""
    unless: str | None = None
    """RE2: not where the same sentence, or text, matches this."""
    look_in: str = REASONING
    response_kind: tuple[str, ...] = ()
    tool_calls: str | None = None
    expected_calls: tuple[str, ...] = ()
    """What the check against the reference's calls found, all of it (`facts.py`)."""
    failed_any: tuple[str, ...] = ()
    failed_only: tuple[str, ...] = ()
    failed_for: str | None = None
    """A dimension failed that stands for this mode in the dimension table."""
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    """Texts that `pattern` must match, and must not match."""

    @property
    def decides(self) -> bool:
        """Whether the rule decides the mode of a row instead of adding to its scores."""
        return not self.weights

    @property
    def reads(self) -> bool:
        """Whether the rule reads the judge's sentences."""
        return bool(self.pattern) and self.look_in == REASONING

    @property
    def expression(self) -> str:
        """Its patterns as one RE2 expression."""
        return "|".join(f"(?:{pattern})" for pattern in self.pattern)


@dataclass(frozen=True)
class RuleSet:
    """Rules in order, the score of each mode before any rule counts, and whether the text model reads, too."""

    rules: tuple[Rule, ...]
    start: Mapping[str, float] = field(default_factory=dict)
    with_text_model: bool = False

    @property
    def sha256(self) -> str:
        """Digest of the rules themselves, independent of the file's comments and layout, and of the text model."""
        model = hashlib.sha256(builtin_bytes("text_model.npz")).hexdigest() if self.with_text_model else ""
        return hashlib.sha256(msgspec.json.encode((self.rules, self.start, model), order="sorted")).hexdigest()


@cache
def builtin_rules() -> RuleSet:
    """Return the rules of the package; the tests validate them."""
    weights = msgspec.json.decode(builtin_bytes("weights.json"))
    shape = [_rule(table) for table in read_builtin("shape.toml")["rule"]]
    fitted = [replace(rule, weights=weights.get(rule.id, {})) for rule in unweighted_rules()]
    return RuleSet((*shape, *(rule for rule in fitted if rule.weights)), weights["start"], with_text_model=True)


def unweighted_rules() -> list[Rule]:
    """Return the rules of the package that read the judge, without their fitted weights in `weights.json`."""
    words = read_builtin("words.toml")
    tables = [{"mode": mode, **table} for mode in schema.ERROR_MODES for table in read_builtin(f"{mode}.toml")["rule"]]
    return [_rule(_spelled_out(table, words)) for table in tables]


def parse_rules(text: bytes, name: str) -> RuleSet:
    """Parse a rules file; `name` is its name in error messages.

    With `extends = "builtin"` the rules of the package and the text model follow the file's own rules, which replace
    those of the same id. Raises `RulesError` with every problem: not TOML, unknown keys or values, two rules of one
    id, an expression that RE2 rejects.
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
    kept = (rule for rule in builtin.rules if rule.id not in own)
    return replace(builtin, rules=(*rules, *kept))


def _rule(table: dict[str, Any]) -> Rule:
    """Return a rule from its table; `weight` is the weight for the rule's own mode."""
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    if (weight := values.pop("weight", None)) is not None:
        values["weights"] = {table["mode"]: float(weight)}
    if isinstance(values.get("pattern"), str):
        values["pattern"] = (values["pattern"],)
    return Rule(**values)


def _spelled_out(table: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Return a built-in rule's table with the words that its expressions name, such as `{again}`, written out."""

    def spelled(pattern: str) -> str:
        return re.sub(r"\{([a-z_]+)\}", lambda name: words[name[1]], pattern)

    found = dict(table)
    if "pattern" in table:
        patterns = [table["pattern"]] if isinstance(table["pattern"], str) else table["pattern"]
        found["pattern"] = [spelled(pattern) for pattern in patterns]
    if "unless" in table:
        found["unless"] = spelled(table["unless"])
    return found
