import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from api.logs import configuration, request_id


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_line_of_json_has_the_request_that_it_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(configuration("json"))
    request_id.set("abc-1")
    logging.getLogger("malha.api").warning("slow: %d ms", 12)
    line = json.loads(capsys.readouterr().err)
    assert line["request_id"] == "abc-1"
    assert line["message"] == "slow: 12 ms"
    assert (line["level"], line["logger"]) == ("WARNING", "malha.api")


def test_line_of_text_has_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(configuration("text"))
    request_id.set("abc-2")
    logging.getLogger("malha.api").error("no")
    assert capsys.readouterr().err.endswith("ERROR malha.api [abc-2] no\n")
