"""What a driver is told, by the settings."""

import socket

import pytest

from malha.settings import Settings
from malha.spark import driver_options, spark_master


def resolves(monkeypatch: pytest.MonkeyPatch, *known: str) -> None:
    def lookup(host: str, port: int) -> list[object]:
        if host not in known:
            raise socket.gaierror(f"{host} is not known")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_auto_is_the_cluster_where_its_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(spark_master="auto")
    resolves(monkeypatch)
    assert spark_master(settings) == "local[*]"
    resolves(monkeypatch, "spark-master")
    assert spark_master(settings) == "spark://spark-master:7077"


def test_named_master_is_taken_as_it_is() -> None:
    assert spark_master(Settings(spark_master="spark://a.example:7077")) == "spark://a.example:7077"


def test_driver_is_reached_where_it_listens() -> None:
    assert driver_options(Settings(spark_local_ip="127.0.0.1"), "local[*]") == {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    everywhere = Settings(spark_local_ip="0.0.0.0")  # noqa: S104
    options = driver_options(everywhere, "local[*]")
    assert options["spark.driver.host"] == socket.gethostname()


def test_events_are_logged_on_a_cluster_only() -> None:
    settings = Settings(spark_event_log_uri="s3a://lake/events", spark_executor_memory="2g")
    assert (
        not {"spark.eventLog.dir", "spark.executor.memory"}
        & driver_options(settings, "local[*]").keys()
    )
    options = driver_options(settings, "spark://a.example:7077")
    assert options["spark.eventLog.dir"] == "s3a://lake/events"
    assert options["spark.executor.memory"] == "2g"


def test_extra_options_come_last_and_keep_their_blanks() -> None:
    settings = Settings(
        spark_extra_conf="spark.driver.host=b.example\nspark.app.note='two words=one note'"
    )
    options = driver_options(settings, "local[*]")
    assert options["spark.driver.host"] == "b.example"
    assert options["spark.app.note"] == "two words=one note"
