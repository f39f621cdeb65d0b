"""Files of rows become columns of text, however many there are."""

from pathlib import Path

import pytest

from p2pmatch.csv_table import BadInput, Problems, read_table


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 100])
def test_rows_become_columns_in_their_order(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pmatch.csv_table._AT_ONCE", at_once)
    file = tmp_path / "some.csv"
    # Empty lines are none; a quoted line end is part of its field.
    rows = ["a, b", "1,x", "", '2,"y', 'z"', "3,", "too,many,fields", "4,w", "5", "6,v", "7,u"]
    file.write_text("\n".join(rows), encoding="utf-8")
    problems = Problems()
    table = read_table(file, ["a", "b"], problems)
    assert table.columns == {
        "a": ["1", "2", "3", "4", "6", "7"],
        "b": ["x", "y\nz", "", "w", "v", "u"],
    }
    assert table.lines == [2, 4, 6, 8, 10, 11]
    with pytest.raises(BadInput, match=r"csv:7: has 3 fields.*\n.*csv:9: has 1 fields"):
        problems.raise_if_any()


def test_a_file_of_a_header_alone_has_empty_columns(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("a,b\n", encoding="utf-8")
    table = read_table(file, ["a"], Problems())
    assert (table.columns, table.lines) == ({"a": [], "b": []}, [])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_than_commas_are_named(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"a{separator}b\n1{separator}2\n")
    problems = Problems()
    read_table(path, ["a", "b"], problems)
    with pytest.raises(BadInput) as told:
        problems.raise_if_any()
    header = f"a{separator}b"
    line = f"{path}:1: is one column, {header!r}; accepted: fields parted by commas"
    assert str(told.value) == line
