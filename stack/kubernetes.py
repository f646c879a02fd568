"""What a Spark executor runs in a pod on Kubernetes.

Spark makes the pod with the one argument `executor` and describes the executor in variables; to
turn them into a command is the image's part.
"""

from collections.abc import Mapping
from pathlib import Path

from malha.settings import ROOT
from malha.spark import java, spark_home
from stack.errors import StackError

_BACKEND = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"

_ARGUMENTS = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}
"""The backend's options, and the variables that have their values."""

_MEMORY = "SPARK_EXECUTOR_MEMORY"
_JAVA_OPTION = "SPARK_JAVA_OPT_"


def executor_command(environment: Mapping[str, str]) -> list[str]:
    """The command of the executor that these variables describe.

    Args:
        environment: the variables of the pod: SPARK_DRIVER_URL and its like, as Spark sets them,
            SPARK_JAVA_OPT_0, _1 and so on, and SPARK_CLASSPATH and SPARK_DIST_CLASSPATH where
            there are jars besides Spark's own.

    Raises:
        StackError: a variable is missing, so it is not Spark that has made the pod.
    """
    missing = [name for name in (*_ARGUMENTS.values(), _MEMORY) if not environment.get(name)]
    if missing:
        raise StackError(
            f"an executor needs {', '.join(missing)}: Spark sets them in the pods that it makes"
        )
    memory = environment[_MEMORY]
    return [
        java(),
        *_java_options(environment),
        f"-Xms{memory}",
        f"-Xmx{memory}",
        "-cp",
        _class_path(environment),
        _BACKEND,
        *(word for option, name in _ARGUMENTS.items() for word in (option, environment[name])),
    ]


def _java_options(environment: Mapping[str, str]) -> list[str]:
    """The options, which are numbered, in their order."""
    numbered = {
        int(name.removeprefix(_JAVA_OPTION)): value
        for name, value in environment.items()
        if name.startswith(_JAVA_OPTION)
    }
    return [numbered[number] for number in sorted(numbered)]


def _class_path(environment: Mapping[str, str]) -> str:
    """Configuration first, then the user's jars, Spark's, and the mesh's.

    An empty part would mean the working directory.
    """
    parts = [
        _configuration(environment),
        environment.get("SPARK_CLASSPATH"),
        str(spark_home() / "jars/*"),
        environment.get("SPARK_DIST_CLASSPATH"),
    ]
    return ":".join(part for part in parts if part)


def _configuration(environment: Mapping[str, str]) -> str:
    """The folder that Spark has put its configuration in, or else the image's own.

    Spark sets SPARK_CONF_DIR even where spark.kubernetes.executor.disableConfigMap keeps it from
    mounting anything there.
    """
    folder = environment.get("SPARK_CONF_DIR", "")
    return folder if folder and Path(folder).is_dir() else str(ROOT / "thrift/conf")
