"""What an analysis reads, decided before any row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pipeline import schema
from pipeline.errors import Problem, UsageError
from pipeline.load.artifacts import summary_file, transcript_file
from pipeline.load.comparison import RUN_RESULTS
from pipeline.load.files import absolute, size_of
from pipeline.load.records import GivenFile
from pipeline.load.references import References, find_references
from pipeline.load.runs import RunList, find_runs
from pipeline.load.turn_metadata import TurnMetadata, read_turn_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.load.records import Options, Request
    from pipeline.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs, the rules and the options of one analysis."""

    listed: RunList
    options: Options
    rules: RuleSet
    rules_file: Path | None
    runs_root: Path | None
    references: References
    metadata: TurnMetadata | None

    @property
    def size(self) -> int:
        """The bytes of all judged files."""
        return sum(size_of(run.judged_file) for run in self.listed.runs)

    @property
    def input_folders(self) -> list[Path]:
        """The folders that are read: nothing is written into them."""
        folders = [run.directory for run in self.listed.runs]
        return folders if self.listed.comparison_dir is None else [*folders, self.listed.comparison_dir]

    @property
    def input_files(self) -> list[Path]:
        """The files whose change calls for a new analysis."""
        files = [] if self.listed.comparison_dir is None else [self.listed.comparison_dir / RUN_RESULTS]
        files += [] if self.rules_file is None else [self.rules_file]
        files += [] if self.metadata is None else [self.metadata.path]
        files += [file for reference in self.references.by_benchmark.values() for file in reference.files]
        for run in self.listed.runs:
            beside = (transcript_file(run), summary_file(run))
            files += [run.judged_file, *(path for path in beside if path.exists())]
        return files

    @property
    def given_files(self) -> tuple[GivenFile, ...]:
        """The references and the turn metadata, which has no benchmark."""
        references = self.references.by_benchmark.items()
        files = [GivenFile(read.source, read.sha256, len(read.turns), benchmark) for benchmark, read in references]
        metadata = self.metadata
        files += [] if metadata is None else [GivenFile(metadata.source, metadata.sha256, len(metadata.rows))]
        return tuple(files)

    @property
    def local_facts(self) -> dict[str, object]:
        """Where things lie on this machine, for whoever builds the report again."""
        return {
            "comparison_dir": self.listed.comparison_dir and str(self.listed.comparison_dir),
            "base": str(self.listed.base),
            "run_dirs": {run.run_id: str(run.directory) for run in self.listed.runs},
            "rules": self.rules_file and str(self.rules_file),
            "runs_root": self.runs_root and str(self.runs_root),
            **({"references": list(self.references.given)} if self.references.given else {}),
            **({"turn_metadata": str(self.metadata.path)} if self.metadata else {}),
        }


def make_plan(request: Request, rules: RuleSet) -> Plan:
    """Find the runs, and return them with the rules that label their failed rows.

    Raises `UsageError` for a choice that does not exist, and `InputError` for runs or files that are missing.
    """
    options = request.options
    _check_choice("--compare-by", options.compare_by, get_args(schema.CompareBy))
    _check_choice("--repeat-policy", options.repeat_policy, get_args(schema.RepeatPolicy))
    listed = find_runs(request.comparison_dir, request.run_dirs, request.runs_root, options)
    rules_file, runs_root = (path and absolute(path) for path in (request.rules, request.runs_root))
    references = find_references(request.references, listed.runs, listed.base)
    path = request.turn_metadata
    metadata = None if path is None else read_turn_metadata(absolute(path), listed.base)
    return Plan(listed, options, rules, rules_file, runs_root, references, metadata)


def _check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(Problem(option, f"unknown value {value!r}", f"choose one of: {', '.join(known)}"))
