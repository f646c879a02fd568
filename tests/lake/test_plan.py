"""What upkeep decides, case by case; needs no service."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lake.plan import Files, Policy, alive, branches, compaction, expired
from lake.tables import Metadata, Ref, Snapshot, Version

NOW = datetime(2026, 1, 31, tzinfo=UTC)

POLICY = Policy(
    snapshots=timedelta(days=7),
    branches=timedelta(days=7),
    orphans=timedelta(days=3),
    target_file=128 * 1024 * 1024,
    min_files=2,
    delete_files=1,
    now=NOW,
)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def metadata(
    snapshots: Mapping[int, tuple[int | None, float]],
    refs: Mapping[str, int],
    versions: Sequence[tuple[int, float]],
    *,
    stateful: Sequence[int] = (),
    tags: Sequence[str] = (),
) -> Metadata:
    """A table's past: snapshots with parent and age, main's versions with the age of each."""
    ends = [ago(days) for _, days in versions[1:]]
    return Metadata(
        snapshots={
            number: Snapshot(number, parent, ago(days), "append", 1, number in stateful)
            for number, (parent, days) in snapshots.items()
        },
        refs={name: Ref(name, name not in tags, number) for name, number in refs.items()},
        versions=[
            Version(number, ago(days), until)
            for (number, days), until in zip(versions, [*ends, None], strict=True)
        ],
    )


LINE = {1: (None, 30.0), 2: (1, 20.0), 3: (2, 10.0), 4: (3, 1.0)}
VERSIONS = [(1, 30.0), (2, 20.0), (3, 10.0), (4, 1.0)]


def expires(found: Metadata, dropped: Sequence[str] = ()) -> list[int]:
    return [snapshot.id for snapshot in expired(found, POLICY, dropped=list(dropped))]


def test_state_that_was_current_within_the_age_stays_however_old_its_snapshot_is() -> None:
    # 3 was committed 10 days ago, and current until yesterday.
    assert expires(metadata(LINE, {"main": 4}, VERSIONS)) == [1, 2]


def test_state_that_was_superseded_before_the_age_expires() -> None:
    versions = [(1, 30.0), (2, 20.0), (3, 10.0), (4, 7.1)]
    old = {**LINE, 4: (3, 7.1)}
    assert expires(metadata(old, {"main": 4}, versions)) == [1, 2, 3]


def test_newest_snapshot_with_state_stays_with_all_that_came_after() -> None:
    assert expires(metadata(LINE, {"main": 4}, VERSIONS, stateful=[1, 2])) == [1]


def test_state_of_a_snapshot_that_is_no_ancestor_of_main_keeps_nothing() -> None:
    replaced = {1: (None, 30.0), 2: (None, 20.0), 3: (None, 10.0)}
    versions = [(1, 30.0), (2, 20.0), (3, 10.0)]
    assert expires(metadata(replaced, {"main": 3}, versions, stateful=[1])) == [1, 2]


def test_heads_of_branches_and_tags_stay() -> None:
    refs = {"main": 4, "build_1": 1, "v1": 2}
    assert expires(metadata(LINE, refs, VERSIONS, tags=["v1"])) == []


def test_tag_keeps_its_snapshot_and_not_what_came_after() -> None:
    refs = {"v1": 1, "main": 4}
    assert expires(metadata(LINE, refs, VERSIONS, tags=["v1"])) == [2]


def test_head_of_a_branch_that_is_dropped_does_not_stay() -> None:
    refs = {"main": 4, "build_1": 1}
    assert expires(metadata(LINE, refs, VERSIONS), dropped=["build_1"]) == [1, 2]


def test_snapshot_that_a_rollback_left_stays_for_its_age() -> None:
    versions = [(1, 30.0), (2, 20.0), (3, 10.0), (4, 9.0), (3, 6.0)]
    older = {**LINE, 4: (3, 9.0)}
    assert expires(metadata(older, {"main": 3}, versions)) == [1, 2]
    versions[-1] = (3, 8.0)
    assert expires(metadata(older, {"main": 3}, versions)) == [1, 2, 4]


def test_empty_table_has_nothing_to_expire() -> None:
    assert expires(Metadata({}, {}, [])) == []


BUILD = Ref("build_1", True, 9)


@pytest.mark.parametrize(
    ("head", "finished", "since"),
    [
        (9, {}, 5.0),  # a commit of its own
        (9, {"build_1": ago(2)}, 2.0),  # its build said when it ended
        (3, {}, 1.0),  # nothing written; main has moved on since
        (4, {}, 0.5),  # nothing written; main is still there
    ],
)
def test_branch_was_in_use_until(head: int, finished: dict[str, datetime], since: float) -> None:
    found = metadata({**LINE, 9: (4, 5.0)}, {"main": 4, "build_1": head}, VERSIONS)
    assert alive(found.refs["build_1"], found, finished, ago(0.5)) == ago(since)


@pytest.mark.parametrize(
    ("age", "finished", "result"),
    [
        (0.9, False, ([], ["build_1"])),
        (0.9, True, ([], [])),
        (1.1, False, ([], [])),  # no build takes that long: it has died
        (6.9, True, ([], [])),
        (7.1, True, (["build_1"], [])),
        (7.1, False, (["build_1"], [])),
    ],
)
def test_branch_is_of_a_running_build_then_left_then_dropped(
    age: float, finished: bool, result: tuple[list[str], list[str]]
) -> None:
    found = metadata({**LINE, 9: (4, age)}, {"main": 4, "build_1": 9}, VERSIONS)
    ended = {"build_1": ago(age)} if finished else {}
    assert branches(found, ended, NOW, POLICY) == result


def test_branch_that_no_build_made_is_left_alone() -> None:
    found = metadata({**LINE, 9: (4, 30.0)}, {"main": 4, "teste": 9}, VERSIONS)
    assert branches(found, {}, NOW, POLICY) == ([], [])


@pytest.mark.parametrize(
    ("files", "result"),
    [
        (Files(data=9, small=0), (False, False)),
        (Files(data=9, small=2), (True, False)),
        (Files(data=1, deletes=1), (True, False)),
        (Files(data=1, manifests=19), (False, False)),
        (Files(data=1, manifests=20), (False, True)),
    ],
)
def test_compaction_is_worth_it(files: Files, result: tuple[bool, bool]) -> None:
    assert compaction(files, POLICY) == result
