"""Files of every kind are read, and what is wrong with one is said with its name and line."""

from __future__ import annotations

import gzip
import json
from errno import EACCES
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet
from trainer_builders import order, settings

from perennial_core.errors import UserError
from perennial_trainer.data.reading import read_rows
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError, SpecError

CSV = "x,y\n1,5\n2,7\n3,9\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def read(data: Path, name: str, **spec: Any) -> Rows:
    given = order(uri=f"file:///data{name and '/'}{name}", **spec)
    return read_rows(given.training.data, settings(data.parent))


def write(data: Path, name: str, content: str | bytes) -> str:
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def values(rows: Rows, column: str) -> list[Any]:
    return [value for chunk in rows.chunks(column) for value in chunk.to_pylist()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("points.csv", CSV),
        ("points.CSV", CSV.replace("\n", "\r\n")),
        ("points.tsv", CSV.replace(",", "\t")),
        ("points.csv", "\N{BYTE ORDER MARK}" + CSV),
        ("points.csv", "x,y\n\n1,5\n\n2,7\n3,9"),
        ("points.csv.gz", gzip.compress(CSV.encode())),
        ("points.jsonl", '{"x": 1, "y": 5}\n{"y": 7, "x": 2}\n{"x": 3, "y": 9}\n'),
        ("points.ndjson", '{"x": 1, "y": 5}\n{"x": 2, "y": 7}\n{"x": 3, "y": 9}'),
        ("points.json", '{"x": 1, "y": 5}\n{"x": 2, "y": 7}\n{"x": 3, "y": 9}'),
    ],
)
def test_the_suffix_tells_the_format(data: Path, name: str, content: str | bytes) -> None:
    rows = read(data, write(data, name, content))
    assert (values(rows, "x"), values(rows, "y")) == ([1, 2, 3], [5, 7, 9])


def test_a_column_may_be_called_as_parquet_begins(data: Path) -> None:
    rows = read(data, write(data, "points.csv", CSV.replace("x", "PAR1")))
    assert values(rows, "PAR1") == [1, 2, 3]


def test_parquet_is_read(data: Path) -> None:
    table = pa.table({"x": [1.0, None], "y": [5, 7], "other": ["a", "b"]})
    parquet.write_table(table, data / "points.parquet")
    rows = read(data, "points.parquet", features=["x"])
    assert values(rows, "x") == [1.0, None]


def test_the_spec_can_tell_the_format(data: Path) -> None:
    rows = read(data, write(data, "points.txt", CSV.replace(",", ";")), format="csv", delimiter=";")
    assert values(rows, "y") == [5, 7, 9]


def test_a_quoted_value_may_hold_delimiter_and_line_break(data: Path) -> None:
    rows = read(data, write(data, "points.csv", 'x,y\n"a,b\nc",1\nd,2\n'))
    assert values(rows, "x") == ["a,b\nc", "d"]


@pytest.mark.parametrize("header", ["x,y", '"x","y"', '"x\nz",y'])
def test_a_line_break_in_a_value_stands_wherever_a_file_is_divided_among_threads(
    data: Path, header: str
) -> None:
    text = "\n".join(f'"{"a" * 97}\n{number}",{number}' for number in range(30_000))
    rows = read(data, write(data, "points.csv", f"{header}\n{text}"))
    assert values(rows, "y") == list(range(30_000))


def test_what_pandas_takes_for_missing_is_missing(data: Path) -> None:
    rows = read(data, write(data, "points.csv", "t,x,y\nNA,nan,1\n,,2\nb,3,3\n"))
    assert values(rows, "t") == [None, None, "b"]
    assert values(rows, "x") == [None, None, 3]


def test_a_folder_is_read_in_the_order_of_names(data: Path) -> None:
    write(data, "b.csv", "x,y\n3,9\n")
    write(data, "a.csv", "y,x\n5,1\n7,2\n")
    write(data, ".hidden.csv", "nonsense")
    write(data, "_SUCCESS", "")
    write(data, "README.md", "nonsense")
    assert values(read(data, ""), "x") == [1, 2, 3]


def test_a_pattern_picks_files_and_takes_other_characters_as_they_are(data: Path) -> None:
    write(data, "points[1]-a.csv", "x,y\n1,5\n")
    write(data, "points[1]-b.csv", "x,y\n2,7\n")
    write(data, "points1-c.csv", "x,y\n3,9\n")
    assert values(read(data, "points[1]-*.csv"), "x") == [1, 2]


def test_a_place_names_the_file_and_its_line(data: Path) -> None:
    write(data, "a.csv", "x,y\n1,5\n2,7\n")
    write(data, "b.jsonl", '{"x": 3, "y": 9}\n')
    rows = read(data, "")
    places = [rows.place(row) for row in range(3)]
    assert places == [
        f"file:///data/a.csv (here {data}/a.csv), line 2",
        f"file:///data/a.csv (here {data}/a.csv), line 3",
        f"file:///data/b.jsonl (here {data}/b.jsonl), line 1",
    ]


def test_parquet_rows_are_counted_from_one(data: Path) -> None:
    parquet.write_table(pa.table({"x": [1], "y": [2]}), data / "p.parquet")
    assert read(data, "p.parquet").place(0).endswith("p.parquet), row 1")


BROKEN = [
    ("points.csv", "", ": the file is empty"),
    ("points.csv", "x,y\n", ": there are no rows below the header"),
    ("points.csv", "x,x,y\n1,2,3\n", ": the header names column 'x' twice"),
    ("points.csv", "x,z\n1,2\n", ": there is no column 'y', which spec.training.data.target names"),
    ("points.csv", "y\n1\n", ": there is no column beside the target 'y'"),
    ("points.csv", ",x,y\n0,1,2\n", ": column 1 has no name"),
    ("points.csv", "x,y\n1,5\n2,7,8\n", ", line 3: Expected 2 columns, got 3"),
    (
        "points.csv",
        "x;y\n1,5;2,5\n",
        ", line 2: Expected 1 columns, got 3: 1,5;2,5; if ; or another character separates",
    ),
    ("points.csv", "ä,y\n1,5\n".encode("latin-1"), ": the text is not UTF-8"),
    ("points.csv", CSV.encode("utf-16"), ": the text is UTF-16"),
    ("points.csv", CSV.encode("utf-16-le"), ": the text is UTF-16; save it as UTF-8"),
    ("points.csv", CSV.encode("utf-16-be"), ": the text is UTF-16; save it as UTF-8"),
    ("points.csv", b"PK\x03\x04\0\0,,,", ": the file is an Excel workbook or a zip archive; save"),
    ("points.csv", b"\xd0\xcf\x11\xe0\0\0,,,", ": the file is an Excel workbook; save its table"),
    ("points.csv", b"PAR1\x15,,,", ": the file is Parquet; set spec.training.data.format to parqu"),
    ("points.jsonl", b"PAR1\x15,,,", ": the file is Parquet; set spec.training.data.format to par"),
    ("points.csv.gz", gzip.compress(CSV.encode())[:-9], ": cannot be read"),
    ("points.jsonl", "", ": the file is empty"),
    ("points.jsonl", '[{"x": 1, "y": 2}]', ": expected one JSON object a line"),
    ("points.jsonl", '{"x": 1, "y": 2}\n{"x": ', ", line 2: Invalid value"),
    (
        "points.jsonl",
        '{"x": 1, "y": 2}\n{"x": "a", "y": 2}',
        ", line 2: Column(/x) changed from number to string",
    ),
    ("points.parquet", "no parquet", ": cannot be read as parquet"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_a_broken_file_is_named_with_its_fault(
    data: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as raised:
        read(data, write(data, name, content))
    assert str(raised.value).startswith(f"file:///data/{name} (here {data / name}){message}")


def test_a_file_that_is_where_its_uri_says_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "points.csv").touch()
    uri = f"file://{tmp_path}/points.csv"
    with pytest.raises(DataError) as raised:
        read_rows(order(uri=uri).training.data, settings(tmp_path))
    assert str(raised.value) == f"{uri}: the file is empty"


def test_a_file_of_a_pattern_is_named_with_its_own_folder(data: Path) -> None:
    write(data, "june/points.csv", "")
    with pytest.raises(DataError, match=r"^file:///data/june/points\.csv \(here .*june/points.csv"):
        read(data, "*/points.csv")


def test_the_line_at_fault_is_right_beyond_the_first_block(data: Path) -> None:
    lines = ["x,y", *["1,2"] * 400_000, "1,2,3"]
    with pytest.raises(DataError, match=r"points\.csv\), line 400002: Expected 2 columns"):
        read(data, write(data, "points.csv", "\n".join(lines)))


def test_the_json_line_at_fault_is_right_beyond_the_first_block(data: Path) -> None:
    line = json.dumps({"x": 1, "y": 2, "note": "n" * 100})
    with pytest.raises(DataError, match=r"points\.jsonl\), line 150001: Invalid value"):
        read(data, write(data, "points.jsonl", "\n".join([line] * 150_000 + ['{"x": '])))


def test_a_missing_file_is_named_with_what_there_is(data: Path) -> None:
    write(data, "pionts.csv", CSV)
    with pytest.raises(
        DataError, match=r"^file:///data/points\.csv .*: there is no such file.*pionts\.csv"
    ):
        read(data, "points.csv")


def test_a_missing_folder_is_named(data: Path) -> None:
    with pytest.raises(
        DataError, match=r"^file:///data/june/points\.csv .*: .*'june' does not exist"
    ):
        read(data, "june/points.csv")


def test_a_folder_without_data_is_refused(data: Path) -> None:
    write(data, "README.md", "nothing")
    with pytest.raises(
        DataError, match=r"^file:///data .*: the folder has no data files.*README\.md"
    ):
        read(data, "")


def test_files_in_folders_below_are_pointed_to_by_a_pattern(data: Path) -> None:
    write(data, "june/first.csv", CSV)
    write(data, "june/second.csv", CSV)
    with pytest.raises(DataError, match=r"of its own; a pattern that ends in /\*/\*\.csv takes th"):
        read(data, "")
    assert read(data, "*/*.csv").count == 6


def test_a_pattern_without_a_match_is_refused(data: Path) -> None:
    with pytest.raises(
        DataError, match=r"^file:///data/\*\.csv .*: no file matches; the folder is empty"
    ):
        read(data, "*.csv")


def test_an_unknown_suffix_asks_for_the_format(data: Path) -> None:
    with pytest.raises(
        SpecError, match=r"^file:///data/points\.dat .*: .*set spec\.training\.data\.format"
    ):
        read(data, write(data, "points.dat", CSV))


def test_a_delimiter_belongs_to_csv(data: Path) -> None:
    with pytest.raises(
        SpecError, match=r"^spec\.training\.data\.delimiter: file:///data/points\.jsonl"
    ):
        read(data, write(data, "points.jsonl", "{}"), delimiter=";")


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "é"])
def test_what_cannot_stand_between_values_is_no_delimiter(data: Path, delimiter: str) -> None:
    with pytest.raises(SpecError, match=r"^spec\.training\.data\.delimiter: cannot be "):
        read(data, write(data, "points.csv", CSV), delimiter=delimiter)


def test_a_missing_feature_is_named_with_a_near_one(data: Path) -> None:
    with pytest.raises(
        DataError, match=r"'width', which spec\.training\.data\.features.*'Width'\?"
    ):
        read(data, write(data, "points.csv", "Width,y\n1,2\n"), features=["width"])


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("X,Y", "'X', 'Y' (did you mean 'Y'?)"),
        ("x, y", "'x', ' y' (did you mean ' y'?)"),
        ("price,Sale Price ", "'price', 'Sale Price '"),
        ("sale price", "'sale price'"),
        (
            "1,2.5,2.5",
            "'1', '2.5', '2.5' (if these are values, the file has no header line: add one)",
        ),
    ],
)
def test_a_missing_target_is_told_with_what_may_have_been_meant(
    data: Path, header: str, hint: str
) -> None:
    with pytest.raises(DataError) as raised:
        read(data, write(data, "points.csv", f"{header}\n1{',2' * header.count(',')}\n"))
    missing = "there is no column 'y', which spec.training.data.target names; there are: "
    assert str(raised.value).endswith(f": {missing}{hint}")


@pytest.mark.parametrize("delimiter", [";", "\t", " "])
def test_a_wrong_delimiter_is_pointed_out(data: Path, delimiter: str) -> None:
    with pytest.raises(DataError, match="separates columns, set spec") as raised:
        read(data, write(data, "points.csv", CSV.replace(",", delimiter)))
    written = str(raised.value).partition("(if ")[2].partition(" separates")[0]
    assert yaml.safe_load(written) == delimiter


def test_a_folder_that_may_not_be_read_is_the_users_to_repair(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"^file:///data .*: cannot be read: Permission denied"):
        read(data, "")


def test_a_file_that_may_not_be_read_is_the_users_to_repair(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(EACCES, f"Failed to open local file {path!r}. Detail: [errno 13]")

    monkeypatch.setattr(pa, "OSFile", refuse)
    with pytest.raises(DataError, match=r"points\.csv\): cannot be read: Permission denied$"):
        read(data, write(data, "points.csv", CSV))


@pytest.mark.parametrize("uri", ["http://[::/points.csv", "http://localhost:99999/points.csv"])
def test_a_wrong_url_is_the_users_to_repair(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SpecError, match=r"^spec\.training\.data\.uri: is no URL: "):
        read_rows(order(uri=uri).training.data, settings(tmp_path))


@pytest.mark.parametrize(("first", "second"), [("x,y", "x,y,z"), ("x,y,z", "x,y")])
def test_files_of_a_folder_need_the_same_columns(data: Path, first: str, second: str) -> None:
    for name, header in (("a.csv", first), ("b.csv", second)):
        write(data, name, f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(DataError, match=r"^file:///data/b\.csv .*: .*'z'"):
        read(data, "")


def test_files_of_a_folder_may_differ_in_columns_that_are_not_used(data: Path) -> None:
    write(data, "a.csv", "x,y,z\n1,2,3\n")
    write(data, "b.csv", "x,y\n1,2\n")
    assert read(data, "", features=["x"]).count == 2


def test_the_header_alone_is_allowed_in_some_file_of_a_folder(data: Path) -> None:
    write(data, "a.csv", CSV)
    write(data, "b.csv", "x,y\n")
    assert read(data, "").count == 3


def test_a_file_outside_of_data_is_read_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a b.csv"
    file.write_text(CSV)
    uri = f"file://{str(file).replace(' ', '%20')}"
    assert read_rows(order(uri=uri).training.data, settings(tmp_path)).count == 3


def test_a_file_missing_outside_of_data_may_be_meant_on_the_volume(tmp_path: Path) -> None:
    asked = order(uri="file:///no-such-houses.csv").training.data
    below = (
        "; the volume stands at /data, so spec.training.data.uri should begin with file:///data/"
    )
    with pytest.raises(DataError) as without_volume:
        read_rows(asked, settings(tmp_path))
    assert below not in str(without_volume.value)
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError) as with_volume:
        read_rows(asked, settings(tmp_path))
    assert str(with_volume.value) == f"file:///no-such-houses.csv: there is no such file{below}"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sample://cubic", "no generator 'cubic'; there is: linear"),
        ("sample://linear?row=5", "unknown parameter 'row'; known: rows, noise, seed"),
        ("sample://linear?rows=many", "rows: 'many' is not a number"),
        ("sample://linear?rows=0", "rows: must be between 1 and"),
        ("sample://linear?rows=5&rows=6", "rows: is given twice"),
        ("sample://linear?noise=-1", "noise: must be 0 or more"),
        ("sample://linear?noise=nan", "noise: must be 0 or more"),
        ("sample://linear?seed=-1", "seed: must be 0 or more"),
    ],
)
def test_a_wrong_sample_is_refused(tmp_path: Path, uri: str, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        read_rows(order(uri=uri).training.data, settings(tmp_path))
    assert str(raised.value).startswith("spec.training.data.uri: ")
    assert message in str(raised.value)


def test_a_sample_is_the_same_for_a_seed_and_new_without(tmp_path: Path) -> None:
    def sample(query: str) -> list[float]:
        uri = f"sample://linear?rows=5{query}"
        return values(read_rows(order(uri=uri).training.data, settings(tmp_path)), "y")

    assert sample("&seed=1") == sample("&seed=1") != sample("&seed=2")
    assert sample("") != sample("")


def test_a_sample_without_noise_is_the_line_itself(tmp_path: Path) -> None:
    uri = "sample://linear?rows=50&noise=0"
    rows = read_rows(order(uri=uri).training.data, settings(tmp_path))
    expected = [2 * x + 3 for x in values(rows, "x")]
    assert values(rows, "y") == pytest.approx(expected)


def test_every_fault_of_a_file_is_one_that_only_the_user_can_repair() -> None:
    assert issubclass(DataError, UserError)
    assert issubclass(SpecError, UserError)
