"""Files that people have data in and that are not read: each is named for what it is, with the way out of it."""

import re
import zipfile
from pathlib import Path

from microgradcnn.data.dataset import DataError, listed, show
from microgradcnn.data.readers import opened

START = 16  # bytes by which a file is known
_PANDAS = "save it as CSV, in Python with pandas.{}(...).to_csv('data.csv', index=False)"
_ARRAYS = "write it with its labels, as np.savez('data.npz', x=..., y=...)"
_PICTURES = "put all into one NPZ file, as np.savez('data.npz', x=..., y=...) with x of shape (n, height, width)"
_UNPACK = "unpack it first"
_PICTURE = re.compile(r".+\.(png|jpe?g|gif|bmp|tiff?|webp|pgm|ppm)", re.IGNORECASE)

# How a file starts, how its name ends, what it is, and what its user can do.
_KINDS = (
    (r"PAR1[^ -~\t]", r"\.parquet", "a Parquet file", _PANDAS.format("read_parquet")),
    (r"(ARROW1|FEA1)[^ -~\t]", r"\.(feather|arrow)", "an Arrow file", _PANDAS.format("read_feather")),
    (r"\xd0\xcf\x11\xe0", r"\.(xlsx?|xlsm|xlsb|ods)", "a workbook", _PANDAS.format("read_excel")),
    (r"\{|\[[\[{\s]", r"\.(json|jsonl|ndjson)", "a JSON file", _PANDAS.format("read_json")),
    (r"<(!doctype |\?xml|html)", r"\.(html?|xml)", "a page or XML", "take the table out of it, as a CSV file"),
    (r"SQLite format 3", r"\.(db|sqlite3?)", "a database", _PANDAS.format("read_sql")),
    (r"\x93NUMPY", r"\.npy", "a single array of NumPy's", _ARRAYS),
    (r"\x89HDF|MATLAB 5", r"\.(h5|hdf5|mat)", "an HDF5 or MATLAB file", _ARRAYS),
    (r"\x80[\x02-\x05]", r"\.(pkl|pickle|joblib|pt|pth)", "a pickle, which can run code", _ARRAYS),
    (r"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|II\*|MM\0\*", _PICTURE.pattern, "a picture", _PICTURES),
    (r"%PDF-", r"\.pdf", "a PDF document", "take the table out of it, as a CSV file"),
    (
        r"BZh[1-9]1AY|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!\x1a",
        r"\.(bz2|xz|7z|zst|rar|tar|tgz)",
        "a packed file",
        _UNPACK,
    ),
)


def refuse_other(path: Path, start: bytes) -> None:
    """Raise DataError if the file, or what is packed in it, starts or is called like one that is not read."""
    for begins, ends, kind, remedy in _KINDS:
        named = re.fullmatch(f".*{ends}", path.name, re.IGNORECASE)
        if named or re.match(begins.encode("latin-1"), start.lstrip(b"\xef\xbb\xbf \n"), re.IGNORECASE):
            raise DataError(f"{show(path)} is {kind}, which is not read: {remedy}")
    if start.startswith(b"PK"):
        _refuse_zip(path)


def _refuse_zip(path: Path) -> None:
    """Raise DataError for a zip that is a workbook, or has no arrays in it; read_npz tells of damage."""
    try:
        with opened(path) as stream, zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return
    if any(name.startswith(("xl/", "[Content_Types]", "content.xml")) for name in names):
        raise DataError(f"{show(path)} is a workbook, which is not read: {_PANDAS.format('read_excel')}")
    if names and not any(name.endswith(".npy") for name in names):
        raise DataError(f"{show(path)} is a zip of {listed(names)}, which is not read: {_UNPACK}")


def refuse_folder(path: Path) -> None:
    """Raise DataError for a folder that has no images in MNIST's format: what it has instead, and what to do.

    Files of the folders in it are called by the way to them, sub/a.csv.
    """
    files = [file for pattern in ("*", "*/*") for file in sorted(path.glob(pattern)) if not file.is_dir()]
    if any("images" in file.name and "idx3" in file.name for file in files):
        return
    names = [file.relative_to(path).as_posix() for file in files]
    if pictures := [name for name in names if _PICTURE.fullmatch(name)]:
        raise DataError(f"{show(path)} is a folder of pictures, {listed(pictures)}, which are not read: {_PICTURES}")
    if tables := [name for name in names if name.lower().endswith((".csv", ".tsv", ".txt", ".npz", ".gz"))]:
        raise DataError(f"{show(path)} is a folder: give one of the files in it, {listed(tables)}")
