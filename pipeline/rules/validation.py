"""Validate a rules file: list every problem with its place and a fix."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.errors import Problem
from pipeline.rules.lexicon import builtin_lexicon
from pipeline.rules.patterns import parse_concept_pattern
from pipeline.rules.signals import known_signals

_TOP_KEYS: Final = ("version", "extends", "rule")
_TOOL_CALLS: Final = ("some", "none")
_CONCEPT_PATTERNS: Final = ("says", "unless_says")
_SIGNALS: Final = ("signals", "no_signals")
_LISTS: Final = ("response_kind", "failed_any", "failed_only", *_CONCEPT_PATTERNS, *_SIGNALS, "match", "no_match")
_CONDITIONS: Final = (
    "says",
    "pattern",
    "signals",
    "no_signals",
    "response_kind",
    "failed_any",
    "failed_only",
    "tool_calls",
)
_LARGEST_WEIGHT: Final = 1000
_SINGLE_BYTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\C")
_PROBES: Final = pa.array(["", "a", " a b ", "é", "1."])


def problems_in(data: dict[str, Any], name: str, keys: tuple[str, ...]) -> list[Problem]:
    """Return every problem of a rules file as parsed from TOML.

    `name` is the file's name for the places of the problems, `keys` are those that a rule may have.
    """
    problems = [*_unknown_keys(data, _TOP_KEYS, name), *_top_problems(data, name)]
    tables = data["rule"] if isinstance(data.get("rule"), list) else []
    for number, table in enumerate(tables, 1):
        where = f"{name}: rule {number}"
        if isinstance(table, dict):
            where += f" ({table['id']})" if "id" in table else ""
            problems += _rule_problems(table, where, (*(key for key in keys if key != "weights"), "weight"))
        else:
            problems.append(Problem(where, "not a table", "write [[rule]]"))
    ids = [table["id"] for table in tables if isinstance(table, dict) and isinstance(table.get("id"), str)]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    return problems + [Problem(name, f"two rules have the id {rule_id}", "rename one") for rule_id in twice]


def _top_problems(data: dict[str, Any], name: str) -> list[Problem]:
    problems = []
    if data.get("version", 1) != 1:
        problems.append(Problem(name, f"version {data['version']!r} is not known", "write version = 1"))
    if data.get("extends", "builtin") != "builtin":
        problems.append(Problem(name, f"extends {data['extends']!r}", 'write extends = "builtin" or leave it out'))
    if "extends" not in data and not data.get("rule"):
        problems.append(Problem(name, "holds no rule", "add a [[rule]]"))
    if not isinstance(data.get("rule", []), list):
        problems.append(Problem(name, "rule is not a list of tables", "write [[rule]]"))
    return problems


def _rule_problems(table: dict[str, Any], where: str, keys: tuple[str, ...]) -> list[Problem]:
    valid = {
        key: value
        for key, value in table.items()
        if (_is_strings(value) if key in _LISTS else isinstance(value, str) and key != "weight")
    }
    return [*_shape_problems(table, where, keys), *_value_problems(valid, where)]


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _shape_problems(table: dict[str, Any], where: str, keys: tuple[str, ...]) -> list[Problem]:
    problems = _unknown_keys(table, keys, where)
    problems += [
        Problem(where, f"no {key}", f"add {key}")
        for key in ("id", "mode", "why")
        if not str(table.get(key, "")).strip()
    ]
    if (name := str(table.get("id", "x"))) == "no-rule" or any(character.isspace() for character in name.strip()):
        problems.append(Problem(where, f"id is {name!r}", "choose one without spaces that is not no-rule"))
    for key, value in table.items():
        if key == "weight":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < abs(value) <= _LARGEST_WEIGHT:
                what = f"weight is {str(value)[:20]!r}"
                problems.append(Problem(where, what, f"write a number such as 2.0, at most {_LARGEST_WEIGHT}, not 0"))
        elif key not in _LISTS and not isinstance(value, str):
            problems.append(Problem(where, f"{key} is not a string", "put it in quotes"))
        elif key in _LISTS and not _is_strings(value):
            problems.append(Problem(where, f"{key} is not a list of strings", f'write {key} = ["..."]'))
    if not any(table.get(key) for key in _CONDITIONS):
        problems.append(Problem(where, "has no condition", f"add one of {', '.join(_CONDITIONS)}"))
    problems += [
        Problem(where, f"has {key} without {needed}", f"add the {needed}")
        for key, needed in (("unless", "pattern"), ("unless_says", "says"))
        if key in table and needed not in table
    ]
    if "says" in table and "pattern" in table:
        problems.append(Problem(where, "has both says and pattern", "make two rules of it"))
    return problems


def _value_problems(table: dict[str, Any], where: str) -> list[Problem]:
    signals = [name for key in _SIGNALS for name in table.get(key, [])]
    return [
        *_unknown_values([table["mode"]] if table.get("mode") else [], schema.ERROR_MODES, "mode", where),
        *_unknown_values(table.get("response_kind", []), schema.RESPONSE_KINDS, "response_kind", where),
        *_unknown_values([table.get("look_in", "judge_reasoning")], schema.TEXTS, "look_in", where),
        *_unknown_values([table.get("tool_calls", "some")], _TOOL_CALLS, "tool_calls", where),
        *_unknown_values(signals, tuple(known_signals()), "signal", where),
        *(
            problem
            for key in _CONCEPT_PATTERNS
            for pattern in table.get(key, [])
            for problem in _concept_pattern_problems(pattern, key, where)
        ),
        *_pattern_problems(table.get("pattern"), "pattern", where),
        *_pattern_problems(table.get("unless"), "unless", where),
    ]


def _concept_pattern_problems(pattern: str, key: str, where: str) -> list[Problem]:
    concepts = builtin_lexicon().concepts
    try:
        parse_concept_pattern(pattern, concepts)
    except ValueError as error:
        unknown = [word for word in pattern.replace("|", " ").split() if word.lstrip("!~") not in concepts]
        fix = _nearest(unknown[0].lstrip("!~"), tuple(concepts)) if unknown else "name a concept"
        return [Problem(where, f"{key} {pattern!r}: {error}", fix)]
    return []


def _pattern_problems(pattern: str | None, key: str, where: str) -> list[Problem]:
    if pattern is None:
        return []
    if _SINGLE_BYTE.search(pattern):
        return [Problem(where, f"{key} matches single bytes", "write . instead of \\C")]
    try:
        pc.match_substring_regex(_PROBES, pattern)
        found = pc.extract_regex(_PROBES, f"(?P<evidence>{pattern})").to_pylist()
    except ValueError as error:
        what = str(error).removeprefix("Invalid regular expression: ")
        unnamed = "unnamed groups" in what
        fix = "write (?:...) instead of (...)" if unnamed else "RE2 has no look-around and no back-references"
        return [Problem(where, f"{key} is not an RE2 expression: {what}", fix)]
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
