"""`review status` and `review agree`: how far the review is, and how far its reviewers agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c
from pipeline.ledger.events import Decision
from pipeline.review.answer import Answer
from pipeline.review.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.ledger.gate import Standing
    from pipeline.review.folder import Folder

_RECENT: Final = 20


def status(folder: Folder) -> Answer:
    """Tell the progress per model and bucket, and what the gate still needs."""
    progress = Progress(folder)
    controls, orphaned = progress.others
    states = progress.count()
    data: dict[str, Any] = {
        "status": progress.status,
        "failed_rows": len(folder.rows),
        **{state: states[state] for state in ("unopened", "opened", "decided", "disputed", "stale")},
        "models": _models(progress),
        "gate_missing": [needed(standing) for standing in progress.standings if standing.state == "missing"],
        "not_confirmed": [needed(standing) for standing in progress.standings if standing.state == "not_confirmed"],
        "new_buckets": new_buckets(progress),
        "disputed_rows": [row.row_id for row in folder.rows if progress.settled(row).state == "disputed"],
        "stale_rows": [row.row_id for row in folder.rows if progress.settled(row).state == "stale"],
        "deferred_rows": sorted(deferred(progress)),
        "controls": len(controls),
        "orphaned": sorted({event.row_id for event in orphaned}),
        "undeclared_buckets": sorted({event.bucket for event in progress.ledger.undeclared}),
    }
    return Answer("\n".join(_status_lines(data)), data)


def needed(standing: Standing) -> dict[str, Any]:
    """Say where a bucket stands, as `gate_missing` of `analysis.json` does."""
    return {
        c.BENCHMARK: standing.unit[0],
        c.MODEL: standing.unit[1],
        c.BUCKET: standing.bucket,
        "rows": standing.decided,
        "rows_needed": standing.rows_needed,
        "finding": standing.finding is not None,
        "failed_rows": standing.rows,
        "tried": standing.tried,
        "stayed": standing.stayed,
    }


def deferred(progress: Progress) -> set[str]:
    """Give the rows that some reviewer put off and nobody settled."""
    rows = {row_id for who in progress.ledger.reviewers for row_id in progress.ledger.deferred_by(who)}
    known = progress.folder.by_id
    return {row_id for row_id in rows if row_id not in known or progress.settled(known[row_id]).state != "decided"}


def new_buckets(progress: Progress) -> int:
    """Count the buckets that the last 20 decisions were the first to use."""
    used = [event.bucket for event in progress.ledger.events if isinstance(event, Decision)]
    return len(set(used[-_RECENT:]) - set(used[:-_RECENT]))


def _models(progress: Progress) -> list[dict[str, Any]]:
    majors = {(standing.unit, standing.bucket): standing for standing in progress.standings}
    rows: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in progress.folder.rows:
        rows[progress.folder.unit(row)][progress.parent(row), progress.settled(row).state] += 1
    models = []
    for unit, counts in rows.items():
        sizes: Counter[str] = Counter()
        for (bucket, _), n in counts.items():
            sizes[bucket] += n
        ordered = sorted(sizes, key=lambda bucket: (-sizes[bucket], bucket))
        models.append(
            {
                c.BENCHMARK: unit[0],
                c.MODEL: unit[1],
                "failed_rows": sum(sizes.values()),
                "decided": sum(n for (_, state), n in counts.items() if state == "decided"),
                "buckets": [
                    {
                        c.BUCKET: bucket,
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
    for model in data["models"]:
        yield f"{model[c.MODEL]} ({model[c.BENCHMARK]}): {model['decided']} of {model['failed_rows']} decided"
        for bucket in model["buckets"]:
            gate = f", gate: {bucket['gate'].replace('_', ' ')}" if bucket["gate"] else ""
            yield f"  {bucket[c.BUCKET]}: {bucket['reviewed']} reviewed, {bucket['provisional']} provisional{gate}"
    missing = list(missing_lines(data["gate_missing"]))
    if missing:
        yield "The gate still needs:"
        yield from (f"  {line}" for line in missing)
    for entry in data["not_confirmed"]:
        yield f"Not confirmed ({entry['stayed']} of {entry['tried']}): {entry[c.BUCKET]} of {entry[c.MODEL]}"
    yield f"Buckets that the last {_RECENT} decisions were the first to use: {data['new_buckets']}"
    for name in ("disputed_rows", "stale_rows", "deferred_rows", "orphaned", "undeclared_buckets"):
        if data[name]:
            yield f"{name.replace('_', ' ').capitalize()}: {', '.join(data[name])}"


def missing_lines(missing: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Say in words what the gate still needs."""
    for entry in missing:
        wants = []
        if entry["rows"] < entry["rows_needed"]:
            left = entry["rows_needed"] - entry["rows"]
            wants.append(f"{left} more decided {'row' if left == 1 else 'rows'}")
        if not entry["finding"]:
            wants.append("a finding that cites rows decided into it")
        yield f"{entry[c.MODEL]} ({entry[c.BENCHMARK]}), {entry[c.BUCKET]}: {' and '.join(wants)}"


def agree(folder: Folder) -> Answer:
    """Measure how far reviewers agree: Cohen's kappa on the buckets' parents, pair by pair, and the disputed rows."""
    progress = Progress(folder)
    parent = progress.ledger.buckets.parent
    labels: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in folder.rows:
        for event in progress.settled(row).fitting:
            labels[event.who][row.row_id] = parent(event.bucket)
    pairs = []
    for one, other in combinations(sorted(labels), 2):
        common = sorted(labels[one].keys() & labels[other].keys())
        if common:
            mine, theirs = ([labels[who][row_id] for row_id in common] for who in (one, other))
            alike = sum(a == b for a, b in zip(mine, theirs, strict=True))
            reviewers = [f"{name} ({kind})" for name, kind in (one, other)]
            kappa = cohens_kappa(mine, theirs)
            pairs.append({"reviewers": reviewers, "rows": len(common), "alike": alike, "kappa": kappa})
    disputed = [
        {
            c.ROW_ID: row.row_id,
            "decisions": [
                {"reviewer": event.reviewer, "bucket": event.bucket, "attribution": event.attribution}
                for event in progress.settled(row).fitting
            ],
        }
        for row in folder.rows
        if progress.settled(row).state == "disputed"
    ]
    return Answer("\n".join(_agree_lines(pairs, disputed)), {"pairs": pairs, "disputed": disputed})


def cohens_kappa(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Compute Cohen's kappa of two labellings of the same rows; `None` where chance alone makes them agree.

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
    for pair in pairs:
        kappa = "not measured, all in one bucket" if pair["kappa"] is None else f"{pair['kappa']:.2f}"
        yield f"{' and '.join(pair['reviewers'])}: {pair['alike']}/{pair['rows']} rows alike, kappa {kappa}"
    yield f"Disputed rows: {len(disputed)}"
    for row in disputed:
        said = "; ".join(
            f"{event['reviewer']}: {event['bucket']}, {event['attribution']}" for event in row["decisions"]
        )
        yield f"  {row[c.ROW_ID]}: {said}"
