"""What upkeep would do with a table, decided from its metadata and without changing anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lake.tables import Metadata, Ref, Snapshot
from malha.settings import Settings

_BUILD_BRANCH = re.compile(r"build_\w+")

_BUILD_TAKES = timedelta(days=1)
"""For how long a build that has not said that it ended may still be running."""

MANIFESTS = 20
"""Number of manifests from which they are rewritten; fewer cost a query next to nothing."""

ORPHANS_AT_LEAST = timedelta(days=1)
"""A younger file may belong to a commit that is being made."""

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Policy:
    """What is too old and what is too small."""

    snapshots: timedelta
    branches: timedelta
    orphans: timedelta
    target_file: int
    """Bytes."""
    min_files: int
    delete_files: int
    now: datetime

    @property
    def small_file(self) -> int:
        """Bytes below which a data file is small: Iceberg's own proportion."""
        return self.target_file * 3 // 4


def policy(settings: Settings) -> Policy:
    """The policy that the settings say."""
    return Policy(
        snapshots=timedelta(days=settings.maintain_snapshot_days),
        branches=timedelta(days=settings.maintain_branch_days),
        orphans=timedelta(days=settings.maintain_orphan_days),
        target_file=settings.maintain_target_file_mb * _MIB,
        min_files=settings.maintain_min_files,
        delete_files=settings.maintain_delete_files,
        now=datetime.now(UTC),
    )


@dataclass(frozen=True)
class Files:
    """The files of the current snapshot."""

    data: int = 0
    deletes: int = 0
    bytes: int = 0
    small: int = 0
    """Small data files in partitions that have enough of them to rewrite."""
    manifests: int = 0


@dataclass(frozen=True)
class Plan:
    """What upkeep would do with one table."""

    rewrite_files: bool = False
    rewrite_manifests: bool = False
    drop_branches: list[str] = field(default_factory=list)
    expire: list[Snapshot] = field(default_factory=list)
    """Oldest first."""
    building: list[str] = field(default_factory=list)
    """Branches of builds that may be running. While there is one, main must stay where it is: the
    build could not move it forward to its branch otherwise."""


def compaction(files: Files, policy: Policy) -> tuple[bool, bool]:
    """Whether data files, and whether manifests are worth a rewrite."""
    worth = files.small > 0 or files.deletes >= policy.delete_files
    return worth, files.manifests >= MANIFESTS


def build_branches(metadata: Metadata) -> list[Ref]:
    """The branches that builds have made."""
    return [
        ref for ref in metadata.refs.values() if ref.branch and _BUILD_BRANCH.fullmatch(ref.name)
    ]


def alive(
    branch: Ref, metadata: Metadata, finished: Mapping[str, datetime], changed: datetime
) -> datetime:
    """When a build's branch was last known to be in use.

    Iceberg does not say when a branch was made, and one that nothing was written to yet points to
    a snapshot of main, which may be old.

    Args:
        finished: when builds ended, by their branches; those that have not said so are missing.
        changed: when anything of the table last changed.
    """
    if branch.name in finished:
        return finished[branch.name]
    head = branch.snapshot
    last = next((v for v in reversed(metadata.versions) if v.snapshot == head), None)
    if last is None:
        return metadata.snapshots[head].committed
    return last.until or changed


def branches(
    metadata: Metadata, finished: Mapping[str, datetime], changed: datetime, policy: Policy
) -> tuple[list[str], list[str]]:
    """The names of the branches to drop, and of those whose builds may be running."""
    dropped, building = [], []
    for branch in build_branches(metadata):
        age = policy.now - alive(branch, metadata, finished, changed)
        if branch.name not in finished and age < _BUILD_TAKES:
            building.append(branch.name)
        elif age >= policy.branches:
            dropped.append(branch.name)
    return dropped, building


def expired(metadata: Metadata, policy: Policy, *, dropped: list[str]) -> list[Snapshot]:
    """The snapshots that nobody may still want to read, oldest first.

    What stays: heads of branches and tags; every snapshot that main was at within the age, so that
    each state of that time can be read and gone back to; what was committed within the age; and
    main's ancestors down to the newest one that has state of the ingest or of a build, as whoever
    looks for that follows them one by one.
    """
    since = policy.now - policy.snapshots
    recent = {s.id for s in metadata.snapshots.values() if s.committed > since}
    recent |= {v.snapshot for v in metadata.versions if v.until is None or v.until > since}
    kept = set(recent)
    for ref in metadata.refs.values():
        if ref.name in dropped:
            continue
        line = metadata.ancestors(ref.snapshot)
        wanted = [at for at, snapshot in enumerate(line) if ref.branch and snapshot.id in recent]
        if ref.name == "main":
            wanted += [at for at, snapshot in enumerate(line) if snapshot.stateful][:1]
        kept |= {snapshot.id for snapshot in line[: max(wanted, default=0) + 1]}
    gone = [snapshot for snapshot in metadata.snapshots.values() if snapshot.id not in kept]
    return sorted(gone, key=lambda snapshot: snapshot.committed)
