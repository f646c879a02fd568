"""Install what the project needs into .venv and .deps; the standard library is all it has.

Each step is skipped while nothing that it depends on has changed. `stack/setup.sh` calls it with
a Python and a Java that will do; the Dockerfile wants the jars alone.
"""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
DEPS = Path(os.environ.get("DEPS_DIR", ROOT / ".deps"))
POM = ROOT / "thrift/pom.xml"
SUMS = ROOT / "thrift/jars.sha256"
REQUIREMENTS = ROOT / "requirements"

# The scope of a dependency in pom.xml, and the folder that its jar goes to.
FOLDER_BY_SCOPE = {"runtime": "jars", "provided": "metastore-jars"}


class SetupError(Exception):
    """A step failed; the message is all that the user sees."""


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["lock-jars"]:
            lock_jars()
            return 0
        if arguments != ["jars"]:
            step("Python packages", VENV, venv_inputs(), install_packages)
        step("jars", DEPS, [POM, SUMS], install_jars)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("interrupted; `make setup` goes on from here", file=sys.stderr)  # noqa: T201
        return 130
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def step(name: str, target: Path, inputs: Iterable[Path], install: Callable[[], None]) -> None:
    """Run `install` unless the stamp in `target` says that it ran with the same inputs."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for path in [*inputs, Path(__file__)]:
        digest.update(path.read_bytes())
    stamp = target / ".setup"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    install()
    stamp.write_text(digest.hexdigest())
    say(f"setup: {name}: done")


def run(command: list[str], what: str) -> None:
    """Run a command; show what it printed only where it failed."""
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        tail = "\n".join(result.stdout.decode(errors="replace").splitlines()[-15:])
        raise SetupError(f"{what} failed. What it said last:\n{tail}")


def venv_inputs() -> list[Path]:
    return [REQUIREMENTS / "build.txt", REQUIREMENTS / "dev.txt", ROOT / "pyproject.toml"]


def install_packages() -> None:
    """Make the virtual environment: the locked packages, this project, and where dbt finds it."""
    python = VENV / "bin/python"
    say("setup: Python packages: 0.5 GB to download the first time, about a minute")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise SetupError(
            "Python has no ensurepip. Debian/Ubuntu: sudo apt install python3-venv"
        ) from None
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", "requirements/build.txt"], "installing uv")
    uv = [str(VENV / "bin/uv"), "pip"]
    # What ships as source is built with the locked setuptools, not with whichever is newest.
    options = ["--python", str(python), "--no-build-isolation", "--quiet"]
    locked = ["--compile-bytecode", "--require-hashes", "requirements/dev.txt"]
    run([*uv, "sync", *options, *locked], "installing packages")
    run([*uv, "install", *options, "--no-deps", "--editable", "."], "installing the project")
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    values = {"DBT_PROJECT_DIR": str(ROOT / "dbt_project"), "DBT_PROFILES_DIR": str(ROOT)}
    lines = [f"import os; os.environ.setdefault({k!r}, {v!r})" for k, v in values.items()]
    lines.append(str(ROOT / "dbt_project/plugins"))
    (site / "malha_dbt.pth").write_text("\n".join(lines) + "\n")


def install_jars() -> None:
    """Resolve thrift/pom.xml, check every file against its sum, and put them in place."""
    say("setup: jars: 90 MB to download the first time, about half a minute")
    with tempfile.TemporaryDirectory() as folder:
        resolved = resolve(Path(folder))
        expected = read_sums()
        found = {name: sha256(path) for name, path in resolved.items()}
        if wrong := sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n)):
            raise SetupError(
                f"what was resolved is not what thrift/jars.sha256 has: {', '.join(wrong)}. "
                "Nothing was installed. After a change of thrift/pom.xml run `make lock`"
            )
        shutil.rmtree(DEPS, ignore_errors=True)
        for name, path in resolved.items():
            (DEPS / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, DEPS / name)
    (archive,) = DEPS.glob("metastore-jars/hive-standalone-metastore-*-bin.tar.gz")
    shutil.unpack_archive(archive, DEPS)
    archive.unlink()
    (home,) = DEPS.glob("apache-hive-metastore-*-bin")
    home.rename(DEPS / "metastore")
    # Its Thrift client is 71 000 lines of Python, which take most of a second to compile.
    compileall.compile_dir(DEPS / "metastore/lib/py", quiet=1)


def lock_jars() -> None:
    """Write the sums of what thrift/pom.xml resolves to now."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{sha256(path)}  {name}\n" for name, path in resolve(Path(folder)).items()]
    SUMS.write_text("".join(sorted(lines, key=lambda line: line.split()[1])))


def resolve(folder: Path) -> dict[str, Path]:
    """Download what thrift/pom.xml names with the Ivy that pyspark carries.

    Returns:
        The files by the name that they have in .deps (`jars/…`, `metastore-jars/…`).
    """
    (ivy,) = VENV.glob("lib/python3.*/site-packages/pyspark/jars/ivy-*.jar")
    java = Path(os.environ["JAVA_HOME"]) / "bin/java" if os.environ.get("JAVA_HOME") else "java"
    pattern = f"{folder}/[conf]/[artifact]-[revision](-[classifier]).[ext]"
    scopes = list(FOLDER_BY_SCOPE)
    command = [str(java), "-jar", str(ivy), "-ivy", str(POM), "-cache", f"{folder}/cache"]
    run([*command, "-confs", *scopes, "-retrieve", pattern], "resolving thrift/pom.xml")
    return {
        f"{FOLDER_BY_SCOPE[scope]}/{path.name}": path
        for scope in scopes
        for path in (folder / scope).iterdir()
    }


def read_sums() -> dict[str, str]:
    pairs = [line.split() for line in SUMS.read_text().splitlines()]
    return {name: digest for digest, name in pairs}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
