from malha.hive import without_frames

FAILED = """\
org.apache.hive.service.cli.HiveSQLException: Error running query: cannot look at pedido
\tat org.apache.spark.sql.hive.thriftserver.HiveThriftServerErrors$.runningQueryError(Some.scala:43)
\t\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
\t... 21 more"""


def test_a_failure_is_told_with_its_causes_and_without_frames() -> None:
    assert without_frames(FAILED).splitlines() == [
        "org.apache.hive.service.cli.HiveSQLException: Error running query: cannot look at pedido",
        "Caused by: java.net.ConnectException: Connection refused",
    ]
