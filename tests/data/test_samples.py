import runpy
from pathlib import Path

import pytest

from malha.settings import ROOT

SAMPLES = ROOT / "data/samples"


def test_samples_are_what_their_script_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(SAMPLES / "make_varejo.py"))
    monkeypatch.setitem(script["write"].__globals__, "FOLDER", tmp_path)
    script["main"]()
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.csv")}
    folder = SAMPLES / "varejo"
    committed = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.csv")}
    assert made == committed
