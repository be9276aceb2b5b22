"""`review status` and `review agree`: how far the review is, and how far its reviewers agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from pipeline.ledger.events import Decision
from pipeline.ledger.settle import STATES
from pipeline.report.text import one_line, visible_name
from pipeline.review.answer import Answer
from pipeline.review.text import LISTED, listed, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.ledger.events import Identity
    from pipeline.ledger.gate import BucketStatus
    from pipeline.ledger.replay import Ledger
    from pipeline.review.state import FolderReview

_RECENT: Final = 20


def status(state: FolderReview) -> Answer:
    """Return the progress per model and bucket, and what the gate still needs."""
    review, rows = state.complete, state.folder.rows
    counts = review.count()
    data: dict[str, Any] = {
        "status": review.status,
        "failed_rows": len(rows),
        **{name: counts[name] for name in STATES},
        "models": _models(state),
        "gate_missing": [needed(bucket) for bucket in review.missing],
        "not_confirmed": [needed(bucket) for bucket in review.standings if bucket.state == "not_confirmed"],
        "new_buckets": new_buckets(state.ledger),
        "disputed_rows": [row.row_id for row in rows if review.settled(row.row_id).state == "disputed"],
        "stale_rows": [row.row_id for row in rows if review.settled(row.row_id).state == "stale"],
        "deferred_rows": sorted(deferred(state)),
        "controls": sum(len(row.settled.fitting) for row in review.controls),
        "orphaned": sorted({event.row_id for event in review.orphaned}),
        "undeclared_buckets": sorted({event.bucket for event in review.undeclared}),
    }
    return Answer("\n".join(map(visible_name, _status_lines(data))), data)


def needed(status: BucketStatus) -> dict[str, Any]:
    """Return the status of a bucket, as in `gate_missing` of `analysis.json`."""
    return {
        "benchmark_name": status.unit[0],
        "model_name": status.unit[1],
        "bucket": status.bucket,
        "rows": status.decided,
        "rows_needed": status.rows_needed,
        "finding": status.finding is not None,
        "failed_rows": status.rows,
        "tried": status.tried,
        "stayed": status.stayed,
    }


def deferred(state: FolderReview) -> set[str]:
    """Return the rows that some reviewer deferred and nobody settled."""
    rows = {row_id for deferred in state.ledger.put_off.values() for row_id in deferred}
    return {row_id for row_id in rows if state.review.settled(row_id).state != "decided"}


def new_buckets(ledger: Ledger) -> int:
    """Return the number of buckets that the last 20 decisions were the first to use."""
    used = [event.bucket for event in ledger.events if isinstance(event, Decision)]
    return len(set(used[-_RECENT:]) - set(used[:-_RECENT]))


def _models(state: FolderReview) -> list[dict[str, Any]]:
    majors = {(status.unit, status.bucket): status for status in state.review.standings}
    rows: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in state.folder.rows:
        rows[state.folder.unit(row)][state.parent(row), state.settled(row).state] += 1
    models = []
    for unit, counts in rows.items():
        sizes: Counter[str] = Counter()
        for (bucket, _), n in counts.items():
            sizes[bucket] += n
        ordered = sorted(sizes, key=lambda bucket: (-sizes[bucket], bucket))
        models.append(
            {
                "benchmark_name": unit[0],
                "model_name": unit[1],
                "failed_rows": sum(sizes.values()),
                "decided": sum(n for (_, name), n in counts.items() if name == "decided"),
                "buckets": [
                    {
                        "bucket": bucket,
                        "reviewed": counts[bucket, "decided"],
                        "provisional": sizes[bucket] - counts[bucket, "decided"],
                        "major": (unit, bucket) in majors,
                        "gate": majors[unit, bucket].state if (unit, bucket) in majors else None,
                    }
                    for bucket in ordered
                ],
            }
        )
    return models


def _status_lines(data: dict[str, Any]) -> Iterator[str]:
    done, whole = data["decided"], data["failed_rows"]
    yield f"{data['status'].replace('_', ' ').upper()}: {done} of {whole} failed rows decided"
    extra = [f"{data[state]} {state}" for state in ("opened", "disputed", "stale", "controls") if data[state]]
    if extra:
        yield f"  {', '.join(extra)}"
    for model in data["models"][:LISTED]:
        yield f"{model['model_name']} ({model['benchmark_name']}): {model['decided']} of {model['failed_rows']} decided"
        for bucket in model["buckets"]:
            gate = f", gate: {bucket['gate'].replace('_', ' ')}" if bucket["gate"] else ""
            yield f"  {bucket['bucket']}: {bucket['reviewed']} reviewed, {bucket['provisional']} provisional{gate}"
    if len(data["models"]) > LISTED:
        yield f"and {len(data['models']) - LISTED} more models (--json lists all)"
    missing = list(missing_lines(data["gate_missing"]))
    if missing:
        yield "The gate still needs:"
        yield from listed(f"  {line}" for line in missing)
    yield from listed(
        f"Not confirmed ({entry['stayed']} of {entry['tried']}): {entry['bucket']} of {entry['model_name']}"
        for entry in data["not_confirmed"]
    )
    yield f"Buckets that the last {_RECENT} decisions were the first to use: {data['new_buckets']}"
    for name in ("disputed_rows", "stale_rows", "deferred_rows", "orphaned", "undeclared_buckets"):
        if data[name]:
            yield f"{name.replace('_', ' ').capitalize()}: {named(data[name])}"


def missing_lines(missing: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what the gate still needs, in words."""
    for entry in missing:
        wants = []
        if entry["rows"] < entry["rows_needed"]:
            left = entry["rows_needed"] - entry["rows"]
            wants.append(f"{left} more decided {'row' if left == 1 else 'rows'}")
        if not entry["finding"]:
            wants.append("a finding that cites rows decided into it")
        yield f"{entry['model_name']} ({entry['benchmark_name']}), {entry['bucket']}: {' and '.join(wants)}"


def agree(state: FolderReview) -> Answer:
    """Return how far reviewers agree: Cohen's kappa on the buckets' parents, pair by pair, and the disputed rows."""
    parent = state.ledger.buckets.parent
    labels: dict[tuple[Identity, Identity], list[tuple[str, str]]] = defaultdict(list)
    for row in state.review.rows:
        fitting = sorted(row.settled.fitting, key=lambda event: event.who)
        for first, second in combinations(fitting, 2):
            labels[first.who, second.who].append((parent(first.bucket), parent(second.bucket)))
    pairs = []
    for (one, other), both in sorted(labels.items()):
        mine, theirs = zip(*both, strict=True)
        alike = sum(a == b for a, b in both)
        reviewers = [f"{name} ({kind})" for name, kind in (one, other)]
        pairs.append({"reviewers": reviewers, "rows": len(both), "alike": alike, "kappa": cohens_kappa(mine, theirs)})
    disputed = [
        {
            "row_id": row.row_id,
            "decisions": [
                {"reviewer": event.reviewer, "bucket": event.bucket, "attribution": event.attribution}
                for event in state.settled(row).fitting
            ],
        }
        for row in state.folder.rows
        if state.settled(row).state == "disputed"
    ]
    return Answer("\n".join(map(visible_name, _agree_lines(pairs, disputed))), {"pairs": pairs, "disputed": disputed})


def cohens_kappa(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two labellings of the same rows; `None` where chance alone makes them agree.

    kappa = (observed - expected) / (1 - expected), with the agreement expected from each one's own frequencies
    (Cohen, A coefficient of agreement for nominal scales, 1960).
    """
    n = len(one)
    observed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    first, second = Counter(one), Counter(other)
    expected = sum(first[label] * second[label] for label in first) / n**2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 4)


def _agree_lines(pairs: list[dict[str, Any]], disputed: list[dict[str, Any]]) -> Iterator[str]:
    if not pairs:
        yield "No row was decided by two reviewers: agreement is not measured."
    yield from listed(map(_pair_line, pairs))
    yield f"Disputed rows: {len(disputed)}"
    yield from listed(map(_disputed_line, disputed))


def _pair_line(pair: dict[str, Any]) -> str:
    kappa = "not measured, all in one bucket" if pair["kappa"] is None else f"{pair['kappa']:.2f}"
    return f"{' and '.join(pair['reviewers'])}: {pair['alike']}/{pair['rows']} rows alike, kappa {kappa}"


def _disputed_line(row: dict[str, Any]) -> str:
    said = [f"{event['reviewer']}: {event['bucket']}, {event['attribution']}" for event in row["decisions"]]
    more = [f"and {len(said) - LISTED} more"] if len(said) > LISTED else []
    return f"  {one_line(row['row_id'])}: {one_line('; '.join([*said[:LISTED], *more]))}"
