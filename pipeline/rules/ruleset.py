"""Read a rules file: TOML -> a `RuleSet`, or one clear error naming everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.errors import Problem, RulesError

BUILTIN: Final = "builtin"
_TOP_KEYS: Final = ("version", "extends", "rule")
_TOOL_CALLS: Final = ("some", "none")
_LISTS: Final = ("response_kind", "failed_any", "failed_only")
_PROBES: Final = pa.array(["", "a", " a b ", "é", "1."])
_CONDITIONS: Final = (*_LISTS, "tool_calls", "pattern")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: every condition that it names must hold; the first rule that holds decides the row.

    `pattern` and `unless` are RE2 expressions, tried without regard to case. Over the judge's reasoning
    they are tried clause by clause (`unless` excludes a clause), over any other text as a whole.
    """

    id: str
    mode: str
    why: str
    response_kind: tuple[str, ...] = ()
    failed_any: tuple[str, ...] = ()
    failed_only: tuple[str, ...] = ()
    tool_calls: str | None = None
    look_in: str = c.JUDGE_REASONING
    pattern: str | None = None
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they are tried."""

    rules: tuple[Rule, ...]

    @property
    def sha256(self) -> str:
        """Digest of what the rules say, whatever the file's comments and layout."""
        text = json.dumps([asdict(rule) for rule in self.rules], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def builtin_rules() -> RuleSet:
    """Read the rules that come with the package; the tests have validated them."""
    text = files(__package__).joinpath("builtin.toml").read_text(encoding="utf-8")
    return RuleSet(tuple(_rule(table) for table in tomllib.loads(text)["rule"]))


def parse_rules(text: bytes, name: str) -> RuleSet:
    """Read a rules file. With `extends = "builtin"` its rules go first, and replace built-in ones of their id.

    Raises `RulesError` with every problem: not TOML, unknown keys or values, two rules of one id, an
    expression that RE2 does not take.
    """
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RulesError(Problem(name, f"not UTF-8 at byte {error.start + 1}", "save the file as UTF-8")) from None
    except tomllib.TOMLDecodeError as error:
        raise RulesError(Problem(name, f"not TOML: {error}", "see the rules page in design/")) from None
    problems = [*_unknown_keys(data, _TOP_KEYS, name), *_top_faults(data, name)]
    tables = data["rule"] if isinstance(data.get("rule"), list) else []
    rules = []
    for number, table in enumerate(tables, 1):
        where = f"{name}: rule {number}"
        if isinstance(table, dict):
            where += f" ({table['id']})" if "id" in table else ""
            found = _rule_faults(table, where)
            if not found:
                rules.append(_rule(table))
            problems += found
        else:
            problems.append(Problem(where, "not a table", "write [[rule]]"))
    ids = [table["id"] for table in tables if isinstance(table, dict) and isinstance(table.get("id"), str)]
    problems += [
        Problem(name, f"two rules have the id {rule_id}", "rename one")
        for rule_id in sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    ]
    if problems:
        raise RulesError(*problems)
    if data.get("extends") == BUILTIN:
        rules += [rule for rule in builtin_rules().rules if rule.id not in ids]
    return RuleSet(tuple(rules))


def _rule(table: dict[str, Any]) -> Rule:
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return Rule(**values)


def _top_faults(data: dict[str, Any], name: str) -> list[Problem]:
    problems = []
    if data.get("version", 1) != 1:
        problems.append(Problem(name, f"version {data['version']!r} is not known", "write version = 1"))
    if data.get("extends", BUILTIN) != BUILTIN:
        problems.append(Problem(name, f"extends {data['extends']!r}", 'write extends = "builtin" or leave it out'))
    if "extends" not in data and not data.get("rule"):
        problems.append(Problem(name, "holds no rule", "add a [[rule]]"))
    if not isinstance(data.get("rule", []), list):
        problems.append(Problem(name, "rule is not a list of tables", "write [[rule]]"))
    return problems


def _rule_faults(table: dict[str, Any], where: str) -> list[Problem]:
    sound = {
        key: value
        for key, value in table.items()
        if isinstance(value, list) and all(isinstance(item, str) for item in value)
        if key in _LISTS
    } | {key: value for key, value in table.items() if isinstance(value, str) and key not in _LISTS}
    return [*_shape_faults(table, where), *_value_faults(sound, where)]


def _shape_faults(table: dict[str, Any], where: str) -> list[Problem]:
    problems = _unknown_keys(table, tuple(Rule.__dataclass_fields__), where)
    problems += [Problem(where, f"no {key}", f"add {key}") for key in ("id", "mode", "why") if not table.get(key)]
    for key, value in table.items():
        if key not in _LISTS and not isinstance(value, str):
            problems.append(Problem(where, f"{key} is not a string", "put it in quotes"))
        if key in _LISTS and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            problems.append(Problem(where, f"{key} is not a list of strings", f'write {key} = ["..."]'))
    if not any(table.get(key) for key in _CONDITIONS):
        problems.append(Problem(where, "has no condition", f"add one of {', '.join(_CONDITIONS)}"))
    if "unless" in table and "pattern" not in table:
        problems.append(Problem(where, "has unless without pattern", "add the pattern"))
    return problems


def _value_faults(table: dict[str, Any], where: str) -> list[Problem]:
    return [
        *_unknown_values([table["mode"]] if table.get("mode") else [], c.ERROR_MODES, "mode", where),
        *_unknown_values(table.get("response_kind", []), c.RESPONSE_KINDS, "response_kind", where),
        *_unknown_values([table.get("look_in", c.JUDGE_REASONING)], c.TEXTS, "look_in", where),
        *_unknown_values([table.get("tool_calls", "some")], _TOOL_CALLS, "tool_calls", where),
        *_pattern_faults(table.get("pattern"), "pattern", where),
        *_pattern_faults(table.get("unless"), "unless", where),
    ]


def _pattern_faults(pattern: str | None, key: str, where: str) -> list[Problem]:
    if pattern is None:
        return []
    try:
        pc.match_substring_regex(_PROBES, pattern)
        found = pc.extract_regex(_PROBES, f"(?P<evidence>{pattern})").to_pylist()
    except pa.ArrowInvalid as error:
        what = str(error).removeprefix("Invalid regular expression: ")
        unnamed = "unnamed groups" in what
        fix = "write (?:...) instead of (...)" if unnamed else "RE2 has no look-around and no back-references"
        return [Problem(where, f"{key} is not an RE2 expression: {what}", fix)]
    except UnicodeDecodeError:
        return [Problem(where, f"{key} matches single bytes", "write . instead of \\C")]
    if {"evidence": ""} in found:
        return [Problem(where, f"{key} matches empty text", "let it ask for at least one character")]
    return []


def _unknown_keys(table: dict[str, Any], known: tuple[str, ...], where: str) -> list[Problem]:
    return [Problem(where, f"unknown key {key}", _nearest(key, known)) for key in table if key not in known]


def _unknown_values(values: list[str], known: tuple[str, ...], key: str, where: str) -> list[Problem]:
    return [
        Problem(where, f"unknown {key} {value!r}", _nearest(value, known)) for value in values if value not in known
    ]


def _nearest(word: str, known: tuple[str, ...]) -> str:
    match = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {match[0]}?" if match else f"known: {', '.join(known)}"
