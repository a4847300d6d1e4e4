"""A CSV file that a logger writes, in the ways in which loggers write."""

import pytest

from profiler.devices.wall.csv_file import TAIL_BYTES, CsvTail
from profiler.devices.wall.source import WallError, WallRow


@pytest.fixture
def file(tmp_path):
    return tmp_path / "meter.csv"


@pytest.mark.parametrize(
    ("header", "line", "row"),
    [
        ("timestamp,power_w", "1700000000.5,71.25", WallRow(1700000000.5, 71.25)),
        ("Timestamp; Power", "2023-11-14T22:13:20.5Z; 71.25", WallRow(1700000000.5, 71.25)),
        ("time\tenergy_wh\tvoltage", "2023-11-14T23:13:20+01:00\t2.5\t230.1", WallRow(1700000000, None, 9000.0)),
        ("energy_kwh,timestamp", "0.5,1700000000", WallRow(1700000000, None, 1.8e6)),
        ('"timestamp","power_w","energy_j"', '"1700000000","0","12"', WallRow(1700000000, 0.0, 12.0)),
        ("timestamp,power_w,energy_j", "1700000000,,12", WallRow(1700000000, None, 12.0)),
        ("\ufefftimestamp,power_w", "2023-11-14 22:13:20,3", WallRow(1700000000, 3.0)),
    ],
)
def test_columns_are_known_by_their_names_and_units_become_watts_and_joules(file, header, line, row):
    file.write_text(f"{header}\n")
    tail = CsvTail(file)
    with file.open("a") as more:
        more.write(f"{line}\n")
    assert tail.read() == [row]


@pytest.mark.parametrize(
    "line",
    ["", "garbage", "1700000000", "1700000000,-5", "1700000000,nan", "1700000000,inf", "yesterday,5", "1700000000,,",
     "1700000000000,5", "\x00\x00,\x00"],
)  # fmt: skip
def test_a_line_that_is_no_reading_is_left_out_and_told(file, line):
    file.write_text("timestamp,power_w\n")
    tail = CsvTail(file)
    file.write_text(f"timestamp,power_w\n{line}\n")
    if line:
        with pytest.raises(WallError, match="is not a reading"):
            tail.read()
    with file.open("a") as more:
        more.write("1700000001,6\n")
    assert tail.read() == [WallRow(1700000001, 6.0)]


def test_half_a_line_is_waited_for(file):
    file.write_text("timesta")
    tail = CsvTail(file)
    assert tail.read() == []
    for text, rows in [("mp,power_w\n17000", []), ("00000,7", []), ("1.5\n1700000001,2\n17", 2)]:
        with file.open("a") as more:
            more.write(text)
        assert len(tail.read()) == (rows or 0)


def test_old_rows_tell_their_distance_and_are_not_read_again(file):
    rows = "".join(f"{1_600_000_000 + 2 * n},50\n" for n in range(TAIL_BYTES // 8))
    file.write_text(f"timestamp,power_w\n{rows}")
    assert file.stat().st_size > TAIL_BYTES
    tail = CsvTail(file)
    recent = tail.recent()
    assert len(recent) == 100 and recent[-1].at_s - recent[-2].at_s == 2
    assert tail.read() == []


def test_a_file_that_is_cut_or_replaced_is_read_from_its_new_beginning(file, tmp_path):
    file.write_text("timestamp,power_w\n1,2\n3,4\n")
    tail = CsvTail(file)
    file.write_text("timestamp,power_w\n5,6\n")
    assert tail.read() == [WallRow(5.0, 6.0)]
    fresh = tmp_path / "fresh.csv"
    fresh.write_text("timestamp,energy_j,power_w\n7,100,8\n9,110,8\n11,120,8\n")
    fresh.replace(file)
    assert [row.energy_j for row in tail.read()] == [100, 110, 120]
    file.write_text("timestamp,power_w\ntimestamp,power_w\n13,8\n")
    assert tail.read() == [WallRow(13.0, 8.0)]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("a,b", "needs the columns timestamp"),
        ("timestamp,volts", "needs the columns"),
        ("power_w", "needs the columns"),
    ],
)
def test_a_file_without_the_columns_says_which_it_needs(file, header, says):
    file.write_text(f"{header}\n1,2\n")
    with pytest.raises(WallError, match=says):
        CsvTail(file)


def test_a_file_that_is_not_there_or_vanishes_says_so(file, tmp_path):
    with pytest.raises(WallError, match=r"meter\.csv cannot be read: No such file"):
        CsvTail(file)
    with pytest.raises(WallError, match="is not a file"):
        CsvTail(tmp_path)
    file.write_text("timestamp,power_w\n")
    tail = CsvTail(file)
    file.unlink()
    with pytest.raises(WallError, match="No such file"):
        tail.read()
