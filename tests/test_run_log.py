"""What a run writes down: lines of JSON, and TensorBoard's event files where the extra is installed."""

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from tokenizer_core.training import log as log_module
from tokenizer_core.training.log import RunLog
from tokenizer_core.training.place import Place

PLACE = Place(torch.device("cpu"), 0, 1)


class StandIn:
    """A writer of event files that keeps what it is given."""

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.calls: list[str] = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def flush(self) -> None:
        self.calls.append("flush")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    made: list[StandIn] = []

    def event_writer(*args: Any) -> StandIn:
        made.append(StandIn(*args))
        return made[-1]

    monkeypatch.setattr(log_module, "event_writer", event_writer)
    return made


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def test_lines(tmp_path: Path, writers: list[StandIn], capsys: pytest.CaptureFixture) -> None:
    log = RunLog(tmp_path, PLACE)
    log.start()
    log.write(run="x", out=tmp_path, seed=3)
    log.write(step=3, loss=1.23456789, norm=float("inf"), skipped=2)
    log.write(psnr={"1 tokens, 1 steps": 20.5}, pictures=6)
    first, second, third = lines(tmp_path)
    assert first == {"run": "x", "out": str(tmp_path), "seed": 3}
    assert second == {"step": 3, "loss": 1.235, "norm": None, "skipped": 2}
    assert third == {"psnr": {"1 tokens, 1 steps": 20.5}, "pictures": 6}
    assert "step=3 loss=1.235 norm=None" in capsys.readouterr().out
    (writer,) = writers
    assert writer.folder == tmp_path / "tensorboard"
    assert writer.scalars == [
        ("loss", 1.23456789, 3),
        ("skipped", 2.0, 3),
        ("psnr/1 tokens, 1 steps", 20.5, 3),
    ]
    log.flush()
    log.close()
    log.close()
    assert writer.calls == ["flush", "close"]


def test_a_log_goes_on_where_its_snapshot_was_taken(tmp_path: Path, writers: list[StandIn]) -> None:
    log = RunLog(tmp_path, PLACE)
    log.start()
    log.write(step=0, loss=1.0)
    size = log.size
    log.write(step=1, loss=2.0)
    again = RunLog(tmp_path, PLACE)
    again.start(size, 1)
    again.write(step=1, loss=3.0)
    assert [line["loss"] for line in lines(tmp_path)] == [1, 3]
    assert [writer.purge_step for writer in writers] == [None, 1]


def test_a_line_that_was_never_finished_goes(tmp_path: Path, writers: list[StandIn]) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 0}\n{"st')
    log = RunLog(tmp_path, PLACE)
    log.start()
    log.write(run="x")
    assert lines(tmp_path) == [{"step": 0}, {"run": "x"}]


def test_only_the_first_process_writes(tmp_path: Path, writers: list[StandIn]) -> None:
    log = RunLog(tmp_path, Place(torch.device("cpu"), 1, 2))
    log.start()
    log.write(step=0, loss=1.0)
    log.flush()
    log.close()
    assert not writers
    assert not (tmp_path / "log.jsonl").exists()
    assert log.size == 0


def test_without_the_extra_there_are_no_event_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    log = RunLog(tmp_path, PLACE)
    log.start()
    log.write(step=0, loss=1.0)
    log.flush()
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_event_files_hold_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    from tensorboard.compat.proto.event_pb2 import Event

    log = RunLog(tmp_path, PLACE)
    log.start()
    log.write(step=7, loss=0.25, psnr={"autoencoder": 21.5})
    log.close()
    (file,) = (tmp_path / "tensorboard").iterdir()
    data, found = file.read_bytes(), {}
    while data:  # a record: its length, a check, itself, a check
        (size,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + size])
        found |= {value.tag: (value.simple_value, event.step) for value in event.summary.value}
        data = data[16 + size :]
    assert found == {"loss": (0.25, 7), "psnr/autoencoder": (21.5, 7)}
