"""The training log: its data are well formed, and its page shows what the command makes of them."""

import datetime
import itertools
import re

import pytest

from studies.pages import CHECKPOINT, ROOT, between, put_between, table
from studies.training_log import (
    DATA,
    FOLDERS,
    PAGE,
    PLOT,
    draw,
    minutes_in_the_weights,
    of_kind,
    read,
    tables,
    where,
)

RECORDS = read()
ALL = [record for folder in FOLDERS for record in read(folder / DATA.name)]
RUN = {"kind", "date", "name", "minutes", "gpus", "device", "photos", "config", "measured", "before", "after"}
KEYS = {
    "run": RUN | {"bundled", "learnt"},
    "bundle": RUN | {"bundled", "learnt"},
    "study": {"kind", "date", "name", "command", "weights", "config", "figures", "learnt"},
    "data": {"kind", "date", "name", "figures", "learnt"},
}
FRACTIONS = ("label", "feature_distance")  # parts of names of what lies in 0..1


def figures(value, name=""):
    """Every number below a value, with the name that is nearest above it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, name if re.fullmatch(r"[\d.]+", key) else key)
    elif isinstance(value, list):
        for inner in value:
            yield from figures(inner, name)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        yield name, value


@pytest.mark.parametrize("record", ALL, ids=[f"{one['kind']}-{one['name']}" for one in ALL])
def test_a_record_is_well_formed(record):
    assert set(record) == KEYS[record["kind"]]
    assert datetime.date(2026, 11, 22) <= datetime.date.fromisoformat(record["date"])
    assert record["learnt"].endswith(".")
    assert "|" not in record["learnt"]
    assert len(record["learnt"]) <= 200
    for name, value in figures([record.get(part) for part in ("before", "after", "figures")]):
        if any(part in name for part in FRACTIONS):
            assert -1 < value <= 1, name
        if name in ("mean_psnr", "sample_psnr", "autoencoder_psnr"):
            assert 9 < value < 30, name


def test_no_run_is_there_twice():
    names = [run["name"] for run in of_kind(RECORDS, "run")]
    assert len(set(names)) == len(names) > 40
    assert len(of_kind(RECORDS, "study")) > 30


def test_what_follows_starts_from_what_was_before():
    """Two records that speak of the same weights, measured alike, have the same figures."""
    bundles = of_kind(RECORDS, "bundle")
    for old, new in itertools.pairwise(bundles[1:]):
        if new["before"] and "mean_psnr" in new["before"]:
            assert new["before"]["mean_psnr"] == old["after"]["mean_psnr"], new["name"]


def test_studies_name_commands_that_are_there():
    commands = {study["command"] for study in of_kind(RECORDS, "study")} - {None}
    assert len(commands) > 4
    for command in commands:
        assert (ROOT / (command.split()[-1].replace(".", "/") + ".py")).is_file(), command


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_has_what_the_command_makes(folder):
    page = (folder / PAGE.name).read_text("utf-8")
    for name, made in tables(read(folder / DATA.name)).items():
        assert between(page, name) == made, "run python -m studies.training_log"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_is_short_and_so_are_its_cells(folder):
    lines = (folder / PAGE.name).read_text("utf-8").splitlines()
    assert len(lines) <= 150
    assert max(len(cell) for line in lines if line.startswith("|") for cell in line.split("|")) <= 202
    assert max(len(line) for line in lines if not line.startswith("|")) < 125


def test_the_tables_follow_the_data():
    run = {**of_kind(RECORDS, "run")[0], "name": "another", "minutes": 10, "gpus": 3, "bundled": True}
    assert where(run) == "3 x H100, 10"
    before, after = minutes_in_the_weights(RECORDS), minutes_in_the_weights([*RECORDS, run])
    assert [round(b - a, 6) for a, b in zip(before, after, strict=True)] == [1, 10, 30]
    assert "**another**" in tables([*RECORDS, run])["runs"]


def test_the_plot_is_drawn_and_small(tmp_path):
    draw(RECORDS, tmp_path / "plot.webp")
    assert 5_000 < (tmp_path / "plot.webp").stat().st_size < 60_000
    assert PLOT.stat().st_size < 60_000
    assert PLOT.parent == DATA.parent == CHECKPOINT


def test_what_stands_between_markers_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- x: made by a command -->\nold\n<!-- x: end -->\nb\n", "utf-8")
    put_between(path, "x", table(("k",), [("1",)]))
    assert path.read_text("utf-8").startswith("a\n<!-- x: made by a command -->\n| k |\n| --- |\n| 1 |\n<!--")
    assert path.read_text("utf-8").endswith("<!-- x: end -->\nb\n")
    with pytest.raises(ValueError, match="once each"):
        put_between(path, "y", "")
