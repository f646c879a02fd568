import pytest

from lake.session import _reason, literal


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "org.apache.hive.service.cli.HiveSQLException: Error running query: "
            "java.lang.RuntimeException: Cannot commit rewrite because of a ValidationException or "
            "CommitFailedException. This usually means that this rewrite has conflicted with "
            "another concurrent Iceberg operation.\n\tat x",
            "another writer committed meanwhile: run it again",
        ),
        (
            "Error running query: [TABLE_OR_VIEW_NOT_FOUND] "
            "org.apache.spark.sql.AnalysisException: "
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `x` cannot be found.\nIf you did not",
            "The table or view `x` cannot be found",
        ),
        (
            "Error running query: java.lang.IllegalArgumentException: Cannot expire 1. "
            "Still referenced by refs: [b]",
            "Cannot expire 1. Still referenced by refs: [b]",
        ),
    ],
)
def test_reason_is_what_a_reader_can_act_on(message: str, reason: str) -> None:
    assert _reason(message) == reason


def test_literal_has_its_quotes_escaped() -> None:
    assert literal(r"a'b\c") == r"'a\'b\\c'"
