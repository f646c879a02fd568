"""Backup, restore, and the way to a newer image."""

import tarfile

import pytest

from tests.compose.containers import SERVICES, VERSION, Containers
from tests.compose.test_mesh import TABLES, rows
from tests.mesh import ok, refused


def test_backup_is_restored_into_new_volumes(loaded: Containers) -> None:
    expected = {table: rows(loaded, table) for table in TABLES}
    answer = loaded.get("/api/cliente-pedido?limit=10000").text
    backup = loaded.folder / "backup.tar"
    ok(loaded.task("backup", str(backup)))
    with tarfile.open(backup) as tar:
        assert tar.getnames()[0] == "metastore.dump"
        assert tar.getnames()[-1] == "backup.json"

    # Neither over what is there, nor from half a file.
    assert "restore into an empty mesh" in refused(loaded.task("restore", str(backup)))
    loaded.wait_healthy()
    assert loaded.get("/api/cliente-pedido?limit=10000").text == answer
    loaded.remove()
    half = loaded.folder / "half.tar"
    half.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    assert "error: this" in refused(loaded.task("restore", str(half)))

    ok(loaded.task("restore", str(backup)))
    loaded.up()
    for table in TABLES:
        assert rows(loaded, table) == expected[table], table
    assert loaded.get("/api/cliente-pedido?limit=10000").text == answer
    # The checkpoints came along: nothing is read twice.
    ok(loaded.job("ingest"))
    assert rows(loaded, "bronze.pedido") == expected["bronze.pedido"]


def test_containers_of_other_images_take_over_the_data(loaded: Containers) -> None:
    expected = {table: rows(loaded, table) for table in TABLES}
    listed = ("docker", "image", "ls", f"malha/*:{VERSION}", "--format", "{{.Repository}}")
    images = ok(loaded.run(*listed)).split()
    following = f"{VERSION}-next"
    try:
        for name in images:
            ok(loaded.run("docker", "tag", f"{name}:{VERSION}", f"{name}:{following}"))
        before = {name: states[0]["ID"] for name, states in loaded.states().items()}
        ok(loaded.compose("up", "--detach", "--wait", MALHA_VERSION=following))
        after = {name: states[0]["ID"] for name, states in loaded.states().items()}
        assert all(after[name] != before[name] for name in SERVICES if name != "postgres")
        for table in TABLES:
            assert rows(loaded, table) == expected[table], table
    finally:
        loaded.up()
        for name in images:
            ok(loaded.run("docker", "rmi", f"{name}:{following}"))


@pytest.mark.parametrize("task", [["backup"], ["restore"], ["land"], ["nothing"], []])
def test_wrong_usage_shows_the_usage(containers: Containers, task: list[str]) -> None:
    assert "usage: stack/compose.sh TASK" in refused(containers.task(*task), code=2)


def test_backup_does_not_overwrite(containers: Containers) -> None:
    (containers.folder / "kept.tar").write_text("kept")
    assert "kept.tar exists" in refused(
        containers.task("backup", str(containers.folder / "kept.tar"))
    )
    assert (containers.folder / "kept.tar").read_text() == "kept"
