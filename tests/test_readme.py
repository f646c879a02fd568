"""What the README shows is so."""

import re
import shutil
import subprocess
import sys

import httpx
import pytest

from malha.settings import ROOT
from stack import demo_key
from tests.mesh import Mesh, answers, eventually, free_ports, ok

READMES = ("README.md", "README.pt-BR.md")


def text(name: str = "README.md") -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, *languages: str) -> list[str]:
    """The fenced blocks of these languages, without comments."""
    found = re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", text(name), re.M | re.S)
    return [re.sub(r" +# .*$", "", block, flags=re.M) for block in found]


def test_both_languages_show_the_same() -> None:
    english, portuguese = (blocks(name, "console", "yaml", "sql", "csv") for name in READMES)
    assert english == portuguese
    headings = [re.findall(r"^#+", text(name), re.M) for name in READMES]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("name", READMES)
def test_tasks_and_links_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for task in re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks(name, "console"))):
        assert f"\n{task}:" in makefile, task
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text(name)):
        assert (ROOT / link).exists(), link
    tree = re.search(r"^```\nMakefile(.*?)^```", text(name), re.M | re.S)
    assert tree is not None
    folder = ROOT
    for indent, entry in re.findall(r"^( *)(\S+)", "Makefile" + tree[1], re.M):
        path = (folder if indent else ROOT) / entry
        assert path.exists(), entry
        folder = folder if indent else path


@pytest.fixture(scope="module")
def extended(fresh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a project with the README's files added to it."""
    root = tmp_path_factory.mktemp("clone")
    ignore = shutil.ignore_patterns("target", "logs")
    shutil.copytree(ROOT / "dbt_project", root / "dbt_project", ignore=ignore)
    files = re.findall(r"^`([\w/.-]+)`\n\n```\w+\n(.*?)^```", text(), re.M | re.S)
    assert len(files) == 5
    for name, content in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    project = root / "dbt_project"
    ok(fresh.stack("land", str(root / "entrega")))
    return {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": str(project / "target")}


def test_source_and_product_of_the_readme_are_served(fresh: Mesh, extended: dict[str, str]) -> None:
    ok(fresh.dbt("parse", **extended))
    ok(fresh.ingest("produto", **extended))
    ok(fresh.dbt("build", "--select", "+preco_produto", **extended))
    shown = re.search(r"^\$ curl .*?(/api/preco-produto)\n(.*)$", text(), re.M)
    assert shown is not None
    port = str(free_ports(1)[0])
    api = subprocess.Popen(
        [sys.executable, "-m", "api"], cwd=ROOT, env=fresh.environment(**extended, API_PORT=port)
    )
    try:
        url = f"http://127.0.0.1:{port}"
        key = demo_key.headers(fresh.settings)
        eventually(lambda: answers(f"{url}/health/live"), seconds=30)
        assert httpx.get(url + shown[1], headers=key, timeout=60).text == shown[2]
    finally:
        api.terminate()
        api.wait(timeout=30)
