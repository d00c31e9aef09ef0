"""The studies: each is in the table of studies/README.md, and its command there is one that it takes."""

import importlib
import re
import sys

import pytest

from studies.pages import ROOT

PAGE = (ROOT / "studies/README.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in row] for row in re.findall(r"^\| (\w+) \| (.+) \| `(.+)` \|$", PAGE, re.M)]
SCRIPTS = sorted(path.stem for path in (ROOT / "studies").glob("*.py") if path.stem != "__init__")


def test_each_script_is_in_the_table_and_each_helper_is_named():
    studies = [name for name in SCRIPTS if "def main(" in (ROOT / f"studies/{name}.py").read_text("utf-8")]
    assert sorted(name for name, _, _ in ROWS) == studies
    assert all(f"`{name}.py`" in PAGE for name in set(SCRIPTS) - set(studies))


@pytest.mark.parametrize(("name", "shows", "command"), ROWS, ids=[row[0] for row in ROWS])
def test_its_command_is_one_that_it_takes(name, shows, command, monkeypatch, capsys):
    assert max(len(shows), len(command)) <= 200
    _, _, module, *words = command.split()
    assert module == f"studies.{name}"
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main()
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    options = {word for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--\w+", shown))
    required = set(re.findall(r"--\w+", re.sub(r"\[[^]]*\]", "", shown.split("\n\n")[0])))
    assert required <= options, "the command lacks what must be given"
