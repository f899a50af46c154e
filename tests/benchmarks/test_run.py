"""The benchmarks measure what they say: results are written whole, and the peer computes what we do."""

import json
import sys
from datetime import datetime

import polars as pl
import pytest

from benchmarks import definitions, equities, run
from benchmarks.measure import Meter, Row, environment, fresh

#: a reverse split in 2023, a 2-for-1 in 2024, no split; the first two pay dividends
SYMBOLS = ["T005", "T007", "T001"]


def test_the_results_file_holds_every_row_with_its_peer(tmp_path, monkeypatch, capsys):
    """`--only` measures that subject alone; the file tells what, against which peer, on what machine."""
    monkeypatch.setattr(definitions, "TIMES", 1)
    monkeypatch.setattr(sys, "argv", ["run", "--only", "definitions", "--results", str(tmp_path / "results.json")])
    assert run.main() == 0
    found = json.loads((tmp_path / "results.json").read_text())
    load, reader = found["rows"]
    assert (load["peer"], reader["peer"]) == ("import dagster", "import polars")
    assert load["details"]["ours"]["modules"] > load["details"]["theirs"]["modules"]
    assert not reader["details"]["ours"]["dagster"]
    assert load["ratio"] == pytest.approx(load["theirs"] / load["ours"])
    assert load["met"] is (load["ours"] < 2 * load["theirs"])
    assert datetime.fromisoformat(found["date"]).tzinfo is not None
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["polars"] == pl.__version__
    assert str(tmp_path.parent) not in json.dumps(found)
    assert "import dagster" in capsys.readouterr().out


def test_a_missed_goal_is_told_and_fails_nothing(tmp_path, monkeypatch, capsys):
    """Timings are no tests: the exit code stays 0, and the miss is in words and in the file."""
    slow = Row(
        name="slow", what="a slow thing", ours=3.0, unit="s", peer="a fast thing", theirs=1.0, goal="1x", met=False
    )
    monkeypatch.setitem(run.SUBJECTS, "definitions", lambda home: [slow])
    monkeypatch.setattr(sys, "argv", ["run", "--only", "definitions", "--results", str(tmp_path / "results.json")])
    assert run.main() == 0
    assert "missed: a slow thing: 3 s; the goal is 1x" in " ".join(capsys.readouterr().out.split())
    assert [row["met"] for row in json.loads((tmp_path / "results.json").read_text())["rows"]] == [False]


def test_an_unknown_subject_is_refused_by_name(monkeypatch, capsys):
    """The message lists what there is."""
    monkeypatch.setattr(sys, "argv", ["run", "--only", "everything"])
    with pytest.raises(SystemExit) as refused:
        run.main()
    assert refused.value.code == 2
    assert "equities" in capsys.readouterr().err


def test_waiting_is_what_the_thread_does_not_compute():
    """A sleep is waiting, arithmetic is not."""
    import time

    asleep, busy = Meter(), Meter()
    with asleep.running(), asleep.waiting():
        time.sleep(0.2)
    with busy.running(), busy.waiting():
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass
    assert asleep.waiting_s > 0.19
    assert asleep.own_wall_s < 0.05
    assert busy.own_wall_s >= 0.19


@pytest.mark.slow
def test_the_pandas_script_computes_what_we_do(tmp_path):
    """Raw, scored and adjusted values of three symbols over five years agree to 1e-9; a changed one is noticed."""
    cpu, wall = equities.rows(tmp_path, SYMBOLS)
    sessions = 252 + 251 + 250 + 252 + 250  # of XNYS from 2021 to 2025
    assert {name: cpu.details[f"{name}_rows_equal"] for name in ("raw", "scored", "adjusted")} == dict.fromkeys(
        ("raw", "scored", "adjusted"), 3 * sessions
    )
    assert cpu.details["theirs"]["files"] == 3 * 5 * 2 + 5
    assert min(cpu.ours, cpu.theirs, wall.ours, wall.theirs) > 0
    changed = tmp_path / "theirs" / "adjusted" / "2023.parquet"
    frame = pl.read_parquet(changed)
    one = (pl.col("symbol") == "T005") & (pl.col("session_date") == datetime(2023, 5, 23))
    assert frame.filter(one)["split_factor"].item() == pytest.approx(10.0)
    frame.with_columns(
        close_total=pl.when(one).then(pl.col("close_total") * (1 + 1e-8)).otherwise("close_total")
    ).write_parquet(changed)
    with pytest.raises(RuntimeError, match=r"adjusted\.close_total: \('T005', datetime\.date\(2023, 5, 23\)"):
        fresh(["-m", "benchmarks.equities", "--compare", str(tmp_path / "theirs")], environment(tmp_path / "ours"))
