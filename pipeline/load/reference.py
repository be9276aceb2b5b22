"""Read a reference: what a benchmark expects on each turn, from JSONL or from a benchmark folder with `turns.py`."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError, Problem
from pipeline.ledger.lines import lines_of
from pipeline.load.files import is_file, is_folder, plain, read_bytes, shown
from pipeline.load.repair import MAX_TURN, LineError, clean, json_value, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TURNS_FILE: Final = "turns.py"
_NAME: Final = "turns"
_TEXT_FILES: Final = (".txt", ".md")
_KNOWN: Final = ("input", "golden_text", "required_function_call", "function_call_response", "categories")
EXPORT: Final = 'python -c "import json, turns; [print(json.dumps(turn)) for turn in turns.turns]" > reference.jsonl'
"""The one line that writes a `turns.py` of any kind as JSONL, run by the user inside the benchmark folder."""
_EXPORT_FIX: Final = f"write it as JSONL with `{EXPORT}` in its folder, and give that file with --reference"


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """One call that the benchmark expects, and what it returns; `response` is `None` where nothing is given."""

    name: str
    args: Mapping[str, Any]
    response: Any = None


@dataclass(frozen=True, slots=True)
class ReferenceTurn:
    """What the benchmark expects on one turn; texts are empty where the reference has none."""

    turn: int
    input: str = ""
    golden_text: str = ""
    expected_calls: tuple[ExpectedCall, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def calls_json(self) -> str:
        """The expected calls as JSON text: a list of `{name, args, response}`, `response` where there is one."""
        calls = [
            {"name": call.name, "args": call.args} | ({} if call.response is None else {"response": call.response})
            for call in self.expected_calls
        ]
        return to_json(calls).decode()


@dataclass(frozen=True, slots=True)
class Reference:
    """What one benchmark expects: its turns by number, and the texts that its models are given."""

    source: str
    """The file or folder as outputs name it."""
    sha256: str
    """The digest of all files that were read."""
    turns: Mapping[int, ReferenceTurn]
    system_prompt: str = ""
    knowledge: Mapping[str, str] = field(default_factory=dict)
    """The knowledge base texts by file name."""
    files: tuple[Path, ...] = ()
    """The files that were read."""


def read_reference(path: Path, source: str) -> Reference:
    """Read a JSONL file, or a benchmark folder with `turns.py`, which is parsed and never executed.

    `source` is what outputs call it. Raises `InputError` with every problem.
    """
    if is_folder(path):
        return _read_folder(path, source)
    if path.suffix == ".py":
        text = read_bytes(path)
        turns = _turns(_from_python(text, path))
        return Reference(source, hashlib.sha256(text).hexdigest(), turns, files=(path,))
    text = read_bytes(path)
    return Reference(source, hashlib.sha256(text).hexdigest(), _turns(_from_jsonl(text, path)), files=(path,))


def _read_folder(folder: Path, source: str) -> Reference:
    """Read `turns.py` and the text files of a benchmark folder."""
    path = folder / TURNS_FILE
    if not is_file(path):
        fix = f"give the folder that holds {TURNS_FILE}, or a JSONL file"
        raise InputError(Problem(shown(folder), f"no {TURNS_FILE} in this benchmark folder", fix))
    read = {path: read_bytes(path)}
    turns = _turns(_from_python(read[path], path))
    read |= {file: read_bytes(file) for file in _text_files(folder)}
    texts = {plain(file.relative_to(folder).as_posix()): text.decode(errors="replace") for file, text in read.items()}
    digest = hashlib.sha256(to_json(texts)).hexdigest()
    del texts[TURNS_FILE]
    prompts = [name for name in texts if _is_prompt(name)]
    prompt = "\n\n".join(texts[name] for name in prompts)
    knowledge = {name: text for name, text in texts.items() if name not in prompts}
    return Reference(source, digest, turns, prompt, knowledge, tuple(read))


def _text_files(folder: Path) -> list[Path]:
    """Return the prompt and knowledge texts of a benchmark folder, at most one folder deep."""
    try:
        found = [path for pattern in ("*", "*/*") for path in folder.glob(pattern)]
    except OSError:
        return []
    wanted = (path for path in found if path.suffix.lower() in _TEXT_FILES and is_file(path))
    return sorted(path for path in wanted if path.stem.lower() != "readme")


def _is_prompt(name: str) -> bool:
    stem = name.rpartition("/")[2].lower()
    return "prompt" in stem or "system" in stem


# --- From text to raw turns ------------------------------------------------------------------------------------

_Raw = tuple[str, Any]
"""Where a raw turn stands (`file:line`), and its JSON value."""


def _from_jsonl(text: bytes, path: Path) -> list[_Raw]:
    """Decode one JSON value per line."""
    raw: list[_Raw] = []
    problems: list[Problem] = []
    for number, line in lines_of(text):
        where = f"{shown(path)}:{number}"
        try:
            raw.append((where, json_value(line, "a turn", [])))
        except LineError as error:
            problems += [Problem(where, *fault) for fault in error.faults]
    if problems:
        raise InputError(*problems)
    if not raw:
        raise InputError(Problem(shown(path), "an empty reference", "write one JSON object per turn and line"))
    return raw


def _from_python(text: bytes, path: Path) -> list[_Raw]:
    """Return the list of literals that a Python file assigns to `turns`; the file is parsed and never executed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the user's strings
            module = ast.parse(text)
    except SyntaxError as error:
        raise InputError(Problem(f"{shown(path)}:{error.lineno}", f"not Python: {error.msg}", _EXPORT_FIX)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(Problem(shown(path), f"not Python: {error}", _EXPORT_FIX)) from None
    listed = _assigned_list(module, path)
    raw: list[_Raw] = []
    problems: list[Problem] = []
    for node in listed.elts:
        where = f"{shown(path)}:{node.lineno}"
        try:
            raw.append((where, clean(json.loads(json.dumps(ast.literal_eval(node))), "", [])))
        except (ValueError, TypeError, RecursionError, MemoryError):
            problems.append(Problem(where, "this turn is not a literal, and code is never executed", _EXPORT_FIX))
    if problems:
        raise InputError(*problems)
    if not raw:
        raise InputError(Problem(shown(path), "an empty reference", _EXPORT_FIX))
    return raw


def _assigned_list(module: ast.Module, path: Path) -> ast.List:
    """Return the one list that a module assigns to `turns`. Raises `InputError` where code may change it."""
    found: list[ast.List] = []
    for statement in module.body:
        value = _value_of_turns(statement)
        if isinstance(value, ast.List) and not found:
            found.append(value)
        elif value is not None or _may_change_turns(statement):
            what = f"{_NAME} is not one literal list here, and code is never executed"
            raise InputError(Problem(f"{shown(path)}:{statement.lineno}", what, _EXPORT_FIX))
    if not found:
        raise InputError(Problem(shown(path), f"assigns no list to {_NAME}", _EXPORT_FIX))
    return found[0]


def _value_of_turns(statement: ast.stmt) -> ast.expr | None:
    """Return what a statement assigns to `turns`, if that is what it does."""
    match statement:
        case ast.Assign(targets=targets, value=value) if any(_is_turns(target) for target in targets):
            return value
        case ast.AnnAssign(target=target, value=value) if _is_turns(target):
            return value
        case _:
            return None


def _is_turns(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.lower() == _NAME


def _may_change_turns(statement: ast.stmt) -> bool:
    """Whether a statement that runs on import mentions `turns` in more than a plain reading."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Assert():
            return False
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return False
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return any((name.asname or name.name).lower() == _NAME for name in names)
        case ast.Assign(targets=targets) if all(isinstance(target, ast.Name) for target in targets):
            attributes = (node for node in ast.walk(statement) if isinstance(node, ast.Attribute))
            return any(_is_turns(node.value) for node in attributes)  # such as turns.pop()
        case _:
            return any(_is_turns(node) for node in ast.walk(statement))


# --- From raw turns to records -----------------------------------------------------------------------------------


def _turns(raw: Iterable[_Raw]) -> dict[int, ReferenceTurn]:
    """Check raw turns; one without a number takes its place in the order."""
    turns: dict[int, ReferenceTurn] = {}
    problems: list[Problem] = []
    for position, (where, value) in enumerate(raw):
        faults: list[tuple[str, str]] = []
        turn = _turn(position, value, faults)
        if turn is not None and turn.turn in turns:
            faults.append((f"turn {turn.turn} stands here a second time", "keep one line per turn"))
        problems += [Problem(where, what, fix) for what, fix in faults]
        if turn is not None:
            turns.setdefault(turn.turn, turn)
    if problems:
        raise InputError(*problems)
    return dict(sorted(turns.items()))


def _turn(position: int, value: Any, faults: list[tuple[str, str]]) -> ReferenceTurn | None:  # noqa: ANN401 - JSON
    if not isinstance(value, dict) or not value.keys() & set(_KNOWN):
        faults.append(("no turn of a reference", f"write an object with {', '.join(_KNOWN)}"))
        return None
    number = position if value.get("turn") is None else value["turn"]
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_TURN:
        faults.append((f"turn is {json.dumps(number)}", "write an integer, 0 or more"))
        return None
    return ReferenceTurn(
        turn=number,
        input=_text(value, "input", faults),
        golden_text=_text(value, "golden_text", faults),
        expected_calls=_calls(value.get("required_function_call"), value.get("function_call_response"), faults),
        categories=_categories(value.get("categories"), faults),
    )


def _text(value: dict[str, Any], name: str, faults: list[tuple[str, str]]) -> str:
    text = value.get(name)
    if text is None or isinstance(text, str):
        return text or ""
    faults.append((f"{name} is not text", "write a string or null"))
    return ""


def _calls(required: Any, response: Any, faults: list[tuple[str, str]]) -> tuple[ExpectedCall, ...]:  # noqa: ANN401
    """Return the expected calls with their results; a list of calls has its results in a list, in their order."""
    if required is None:
        return ()
    calls = required if isinstance(required, list) else [required]
    responses = response if isinstance(required, list) and isinstance(response, list) else [response]
    found: list[ExpectedCall] = []
    for position, call in enumerate(calls):
        args = call.get("args", call.get("arguments")) if isinstance(call, dict) else None
        args = {} if args is None else args
        if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not isinstance(args, dict):
            faults.append(("required_function_call is no call", "write null, {name, args}, or a list of these"))
            return ()
        found.append(ExpectedCall(call["name"], args, responses[position] if position < len(responses) else None))
    return tuple(found)


def _categories(value: Any, faults: list[tuple[str, str]]) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    listed = [value] if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        faults.append(("categories is no list of names", "write a list of strings"))
        return ()
    return tuple(dict.fromkeys(listed))
