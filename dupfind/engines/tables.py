"""Rows in Parquet files, which other programs read too."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from dupfind.errors import EngineError

Columns = Mapping[str, Sequence[Any]]
# Kind of a column -> its type in Parquet.
TEXT, WHOLE, BYTES, FLAG, TEXTS = "string", "int64", "binary", "bool", "list<string>"


def to_parquet(columns: Columns, kinds: Mapping[str, str], facts: Mapping[str, str]) -> bytes:
    """Return a Parquet file of these columns; ``facts`` stand in its metadata.

    Raises:
        EngineError: pyarrow is not installed.
    """
    arrow, parquet = _arrow()
    types = {
        TEXT: arrow.string(),
        WHOLE: arrow.int64(),
        BYTES: arrow.binary(),
        FLAG: arrow.bool_(),
        TEXTS: arrow.list_(arrow.string()),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in kinds.items()], metadata=facts)
    table = arrow.table({name: list(columns[name]) for name in kinds}, schema=schema)
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Return columns of a Parquet file, all or those of these names.

    Raises:
        EngineError: pyarrow is not installed, or the file is damaged.
    """
    arrow, parquet = _arrow()
    try:
        table = parquet.read_table(
            io.BytesIO(data), columns=None if columns is None else [*columns]
        )
    except (arrow.ArrowException, OSError) as error:
        raise EngineError(
            f"a Parquet file is damaged ({error}); delete it, and run again"
        ) from error
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EngineError(
            "pyarrow is not installed here, which writes shards; `pip install 'dupfind[ray]'`"
        ) from error
    return pyarrow, pyarrow.parquet
