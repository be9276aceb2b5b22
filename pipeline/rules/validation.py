"""Validate a rules file: list every problem with its place and a fix."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import Any, Final, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.errors import Problem
from pipeline.rules.facts import CALL_FACTS

_TOP_KEYS: Final = ("version", "extends", "rule")
_LISTS: Final = ("response_kind", "failed_any", "failed_only", "expected_calls", "match", "no_match")
_CONDITIONS: Final = (
    *("pattern", "response_kind", "expected_calls", "failed_any", "failed_only", "failed_for", "tool_calls"),
)
_KNOWN: Final = {
    "mode": schema.ERROR_MODES,
    "failed_for": schema.ERROR_MODES,
    "response_kind": schema.RESPONSE_KINDS,
    "look_in": schema.TEXTS,
    "tool_calls": ("some", "none"),
    "expected_calls": tuple(CALL_FACTS),
}
"""The values of keys that have a closed list."""
_RETIRED: Final = {
    "says": "write the words as an RE2 expression under pattern",
    "unless_says": "write the words as an RE2 expression under unless",
    "signals": "write what is seen under look_in and pattern, response_kind, tool_calls or expected_calls",
    "no_signals": "write it under unless, or as a rule with a negative weight",
}
"""Keys of earlier rules files, and what to write instead."""
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
            problems += _form_problems(table, where, (*(key for key in keys if key != "weights"), "weight"))
            problems += [problem for key, value in table.items() for problem in _value_problems(key, value, where)]
        else:
            problems.append(Problem(where, "not a table", "write [[rule]]"))
    ids = Counter(table["id"] for table in tables if isinstance(table, dict) and isinstance(table.get("id"), str))
    twice = sorted(rule_id for rule_id, count in ids.items() if count > 1)
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


def _form_problems(table: dict[str, Any], where: str, keys: tuple[str, ...]) -> list[Problem]:
    """Return what is wrong with the form of a rule: its keys and the kinds of their values."""
    problems = _unknown_keys(table, keys, where)
    for key in ("id", "mode", "why"):
        if not str(table.get(key, "")).strip():
            problems.append(Problem(where, f"no {key}", f"add {key}"))
    name = str(table.get("id", "x"))
    if name in {"no-rule", "text-model", "failed-alone"} or any(character.isspace() for character in name.strip()):
        problems.append(Problem(where, f"id is {name!r}", "choose one without spaces that the package does not use"))
    problems += [problem for key, value in table.items() for problem in _kind_problems(key, value, where)]
    if not any(table.get(key) for key in _CONDITIONS) and not _RETIRED.keys() & table.keys():
        problems.append(Problem(where, "has no condition", f"add one of {', '.join(_CONDITIONS)}"))
    if "unless" in table and "pattern" not in table:
        problems.append(Problem(where, "has unless without pattern", "add the pattern"))
    return problems


def _kind_problems(key: str, value: object, where: str) -> list[Problem]:
    """Return whether the value of a key is of the wrong kind."""
    if key == "weight":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < abs(value) <= _LARGEST_WEIGHT:
            fix = f"write a number such as 2.0, at most {_LARGEST_WEIGHT}, not 0"
            return [Problem(where, f"weight is {str(value)[:20]!r}", fix)]
    elif key in _LISTS and not _is_strings(value):
        return [Problem(where, f"{key} is not a list of strings", f'write {key} = ["..."]')]
    elif (
        key not in {*_LISTS, *_RETIRED} and not isinstance(value, str) and not (key == "pattern" and _is_strings(value))
    ):
        return [Problem(where, f"{key} is not a string", "put it in quotes")]
    return []


def _is_strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _value_problems(key: str, value: object, where: str) -> list[Problem]:
    """Return what is wrong with the values of one key, if they have the right form."""
    values: list[str] = [value] if isinstance(value, str) else value if _is_strings(value) else []
    if key in _KNOWN and (isinstance(value, list) == (key in _LISTS)):
        unknown = [each for each in values if each and each not in _KNOWN[key]]
        return [Problem(where, f"unknown {key} {each!r}", _nearest(each, _KNOWN[key])) for each in unknown]
    if key in {"pattern", "unless"}:
        return [problem for each in values for problem in _pattern_problems(each, key, where)]
    return []


def _pattern_problems(pattern: str, key: str, where: str) -> list[Problem]:
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
    unknown = [key for key in table if key not in known]
    return [Problem(where, f"unknown key {key}", _RETIRED.get(key) or _nearest(key, known)) for key in unknown]


def _nearest(word: str, known: tuple[str, ...]) -> str:
    match = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {match[0]}?" if match else f"known: {', '.join(known)}"
