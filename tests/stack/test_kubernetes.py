from pathlib import Path

import pytest

from malha.settings import ROOT
from malha.spark import java, spark_home
from stack.errors import StackError
from stack.kubernetes import executor_command

# What Spark 4.1 sets in an executor's pod.
_POD = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@10.1.0.7:7078",
    "SPARK_EXECUTOR_CORES": "1",
    "SPARK_EXECUTOR_MEMORY": "512m",
    "SPARK_APPLICATION_ID": "spark-application-1",
    "SPARK_CONF_DIR": "/opt/spark/conf",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_RESOURCE_PROFILE_ID": "0",
    "SPARK_EXECUTOR_POD_IP": "10.1.0.8",
    "SPARK_EXECUTOR_POD_NAME": "malha-thrift-exec-3",
}


def _class_path(environment: dict[str, str]) -> list[str]:
    command = executor_command(environment)
    return command[command.index("-cp") + 1].split(":")


def test_executor_is_told_what_spark_says_of_it() -> None:
    command = executor_command(_POD)
    assert command[0] == java()
    assert {"-Xms512m", "-Xmx512m"} <= set(command)
    backend = command.index("org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend")
    words = command[backend + 1 :]
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--driver-url": "spark://CoarseGrainedScheduler@10.1.0.7:7078",
        "--executor-id": "3",
        "--cores": "1",
        "--app-id": "spark-application-1",
        "--hostname": "10.1.0.8",
        "--resourceProfileId": "0",
        "--podName": "malha-thrift-exec-3",
    }


def test_java_options_keep_their_order_and_their_spaces() -> None:
    options = {f"SPARK_JAVA_OPT_{number}": f"-Dnumber={number}" for number in (10, 2, 0)}
    command = executor_command(_POD | options | {"SPARK_JAVA_OPT_1": "-Dname=two words"})
    assert command[1:5] == ["-Dnumber=0", "-Dname=two words", "-Dnumber=2", "-Dnumber=10"]


def test_class_path_has_configuration_then_the_users_jars_sparks_and_the_meshs(
    tmp_path: Path,
) -> None:
    parts = _class_path(
        _POD
        | {
            "SPARK_CONF_DIR": str(tmp_path),
            "SPARK_CLASSPATH": "/extra/a.jar",
            "SPARK_DIST_CLASSPATH": "/app/.deps/jars/*",
        }
    )
    jars = str(spark_home() / "jars/*")
    assert parts == [str(tmp_path), "/extra/a.jar", jars, "/app/.deps/jars/*"]


def test_configuration_is_the_images_where_spark_has_mounted_none(tmp_path: Path) -> None:
    own = str(ROOT / "thrift/conf")
    assert _class_path(_POD | {"SPARK_CONF_DIR": str(tmp_path / "missing")})[0] == own
    assert _class_path(_POD | {"SPARK_CONF_DIR": ""})[0] == own


@pytest.mark.parametrize("unset", [None, ""])
def test_class_path_has_no_empty_part(unset: str | None) -> None:
    names = ("SPARK_CLASSPATH", "SPARK_DIST_CLASSPATH")
    environment = _POD | ({} if unset is None else dict.fromkeys(names, unset))
    assert _class_path(environment) == [str(ROOT / "thrift/conf"), str(spark_home() / "jars/*")]


def test_variables_that_are_missing_are_named() -> None:
    environment = {name: value for name, value in _POD.items() if name != "SPARK_EXECUTOR_ID"}
    with pytest.raises(StackError, match="SPARK_EXECUTOR_ID, SPARK_EXECUTOR_MEMORY"):
        executor_command(environment | {"SPARK_EXECUTOR_MEMORY": ""})
