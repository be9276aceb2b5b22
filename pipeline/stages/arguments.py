"""Compare the argument of a call with the expected one: equal, another notation of the same, or another value."""

from __future__ import annotations

import json
import re
import unicodedata
import warnings
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from dateutil import parser as dates

Difference = Literal["format", "value"]

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DECIMAL_POINT: Final = re.compile(r"(?<=\d)[.,:](?=\d)")
_PHONE: Final = re.compile(r"\+?[\d\s().\-/]{7,24}")
_PHONE_DIGITS: Final = 7
_COUNTRY_CODE: Final = 3
_MONTH: Final = (
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
_DATE: Final = re.compile(
    rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}|{_MONTH}.*\d|\d.*{_MONTH}|\d{{1,2}}:\d{{2}}|\d\s*[ap]\.?m\b", re.IGNORECASE
)
_ISO: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_LONGEST_DATE: Final = 40
_DEFAULTS: Final = (datetime(2001, 1, 1), datetime(2004, 12, 28))  # noqa: DTZ001 - what a date leaves out
_STRIPPED: Final = ("P", "Z", "C", "Sc")


def difference(expected: Any, actual: Any) -> Difference | None:  # noqa: ANN401 - any JSON value
    """Return how a value differs from the expected one; `None` where the two are equal.

    `format` is another notation of the same: case, spaces, punctuation, a number as a string, a date, a time or a
    telephone number written otherwise, null in place of nothing. Anything else is `value`.
    """
    if type(expected) is type(actual) and expected == actual:
        return None
    return "format" if _same(_parsed(expected), _parsed(actual)) else "value"


def _parsed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a list or an object that is given as JSON text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether two JSON values mean the same."""
    match one, other:
        case dict(), dict():
            return all(_same(one.get(key), other.get(key)) for key in one.keys() | other.keys())
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case (dict() | list(), _) | (_, dict() | list()):
            return not one and not other
        case (None | "", None | ""):
            return True
        case (None, _) | (_, None):
            return False
        case _:
            return _same_text(_as_text(one), _as_text(other))


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are notations of the same number, telephone number, date, time, or words."""
    if one == other:
        return True
    numbers = _number(one), _number(other)
    if None not in numbers:
        return numbers[0] == numbers[1] or (_same_digits(one, other) and _PHONE.fullmatch(one) is not None)
    phones = _phone(one), _phone(other)
    if phones[0] and phones[1]:
        return _same_phone(phones[0], phones[1]) or _same_date(one, other)
    if _DATE.search(one) and _DATE.search(other):
        return _same_date(one, other)
    return _plain(one) == _plain(other)


def _number(text: str) -> Decimal | None:
    digits = _THOUSANDS.sub("", text.strip())
    return Decimal(digits) if _NUMBER.fullmatch(digits) else None


def _same_digits(one: str, other: str) -> bool:
    """Whether two numbers without a decimal point have the same digits, as `+49 ...` and `49...` have."""
    return one.strip().lstrip("+") == other.strip().lstrip("+")


def _phone(text: str) -> str:
    """Return the digits of what may be a telephone number, with `+` before a country code; else an empty text."""
    if not _PHONE.fullmatch(text.strip()):
        return ""
    digits = re.sub(r"\D", "", text)
    if len(digits) < _PHONE_DIGITS:
        return ""
    return f"+{digits}" if text.strip().startswith("+") else re.sub("^00", "+", digits)


def _same_phone(one: str, other: str) -> bool:
    """Whether two telephone numbers are the same, one perhaps without its country code."""
    short, long = sorted((one.lstrip("+"), other.lstrip("+")), key=len)
    if short == long:
        return True
    national = short.removeprefix("0")
    added = len(long) - len(national)
    has_code = f"+{long}" in {one, other} or long.startswith("1")
    return has_code and long.endswith(national) and 0 < added <= _COUNTRY_CODE


def _same_date(one: str, other: str) -> bool:
    return bool(_dates(one) & _dates(other))


def _dates(text: str) -> set[tuple[datetime, ...]]:
    """Return the dates or times that a text may mean: `03/04/2026` is the third of April or the fourth of March."""
    if len(text) > _LONGEST_DATE or not _DATE.search(text):
        return set()
    found: set[tuple[datetime, ...]] = set()
    for dayfirst in (False,) if _ISO.search(text) else (False, True):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about time zones that it does not know
                found.add(
                    tuple(
                        dates.parse(text, default=default, dayfirst=dayfirst).replace(tzinfo=None)
                        for default in _DEFAULTS
                    )
                )
        except (ValueError, OverflowError, TypeError):
            continue
    return found


def _plain(text: str) -> str:
    """Return a text without case, spaces and punctuation, but with the points inside numbers."""
    folded = _DECIMAL_POINT.sub("\0", _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold()))
    kept = (char for char in folded if char == "\0" or not unicodedata.category(char).startswith(_STRIPPED))
    return "".join(kept)
