"""Predictions as a Parquet file: one row per example, bit for bit what was predicted."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import RESERVED, Predictions, Run
from disparate.store.atomic import replacing

SCHEMA = 1
"""Version of the layout; a file of another version is refused."""

METADATA = b"disparate"
"""Key of the file's metadata that holds schema version, label names, attributes and run, as JSON."""

REQUIRED: Mapping[str, pa.DataType] = {
    "example_id": pa.string(),
    "target": pa.int64(),
    "predicted": pa.int64(),
    "loss": pa.float32(),
    "margin": pa.float32(),
}
OPTIONAL: Mapping[str, pa.DataType] = {
    "score": pa.float32(),
    "weight": pa.float64(),
    "cluster_id": pa.string(),
    "split": pa.string(),
}
LOGITS = "logits"
_FLOATS = frozenset({"loss", "margin", "score", "weight", LOGITS})


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions to a Parquet file, entirely or not at all.

    Args:
        predictions: What to write. Group attributes become dictionary-encoded columns; all their names, those
            without an example too, stand in the metadata in their order.
        path: The file; its folder is created where it is absent.

    Raises:
        BadInput: A group attribute is called like a column of the schema, or a text cannot be written as UTF-8.
    """
    if predictions.loss is None or predictions.margin is None or predictions.multiplicity is not None:
        raise BadInput(
            f"{predictions.run} holds answers alone, or counts of them; a predictions file needs losses too."
        )
    if clash := sorted(RESERVED & set(predictions.attributes)):
        raise BadInput(
            f"group attribute '{clash[0]}' of {predictions.run} is called like a column of a predictions file "
            f"({', '.join(sorted(RESERVED))}); rename the attribute."
        )
    if predictions.answers != "labels":
        raise BadInput(
            f"{predictions.run} holds {predictions.answers}; a predictions file keeps one label per example."
        )
    try:
        table = _table(predictions)
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{predictions.run}: text {error.object!r} cannot be written as UTF-8 ({error.reason}); correct the text."
        ) from None
    # Dictionary encoding of floats would not keep -0.0 and 0.0 apart.
    encoded: Any = [name for name in table.schema.names if name not in _FLOATS]
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=encoded, write_page_checksum=True)


def read_predictions(path: Path) -> Predictions:
    """Read predictions back from a Parquet file.

    Args:
        path: A file that ``write_predictions`` wrote.

    Returns:
        The predictions, bit for bit.

    Raises:
        BadInput: The file is absent, is no Parquet, was not written by disparate, has another schema version, lacks
            a column or holds one of another type, or its values are no predictions.
    """
    if not path.is_file():
        raise BadInput(f"predictions file {path} does not exist.")
    with _explained(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        schema = file.schema_arrow
        about = _metadata(schema)
        _require_columns(schema, about["attributes"])
        table = file.read()
        table.validate(full=True)
        return _predictions(table, about)


def _table(predictions: Predictions) -> pa.Table:
    columns = {name: _written(getattr(predictions, name), kind) for name, kind in REQUIRED.items()}
    present = {name: kind for name, kind in OPTIONAL.items() if getattr(predictions, name) is not None}
    columns |= {name: _written(getattr(predictions, name), kind) for name, kind in present.items()}
    if predictions.logits is not None:
        columns[LOGITS] = _lists(predictions.logits)
    for name, attribute in predictions.attributes.items():
        names = pa.array(list(attribute.names), pa.string())
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(attribute.codes, pa.int32()), names)
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    about = {
        "schema": SCHEMA,
        "labels": list(predictions.label_names),
        "attributes": {name: list(attribute.names) for name, attribute in predictions.attributes.items()},
        "run": asdict(predictions.run),
    }
    return pa.table(list(columns.values()), schema=pa.schema(fields, metadata={METADATA: json.dumps(about)}))


def _written(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(values.tolist(), kind)
    return pa.array(np.ascontiguousarray(values, dtype=kind.to_pandas_dtype()), kind)


def _lists(logits: Any) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(logits, dtype=np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, logits.shape[1])


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except BadInput as error:
        raise BadInput(f"predictions file {path}: {error}") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"predictions file {path} cannot be read as Parquet ({reason}); write it again.") from error


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    text = (schema.metadata or {}).get(METADATA)
    if text is None:
        raise BadInput(
            "it was not written by disparate (no 'disparate' metadata). `disparate compare` reads any Parquet."
        )
    try:
        about = json.loads(text)
        version, shape = about["schema"], (about["labels"], about["attributes"], about["run"])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise BadInput("its 'disparate' metadata is damaged; write it again.") from None
    if version != SCHEMA:
        raise BadInput(f"it has schema version {version}; {SCHEMA} was expected. Write it again with this disparate.")
    if [type(part) for part in shape] != [list, dict, dict]:
        raise BadInput("its 'disparate' metadata is damaged; write it again.")
    return about


def _require_columns(schema: pa.Schema, attributes: Mapping[str, Any]) -> None:
    if clash := sorted(RESERVED & set(attributes)):
        raise BadInput(f"group attribute '{clash[0]}' is called like a column of the schema; rename the attribute.")
    expected = {**REQUIRED, **{name: pa.string() for name in attributes}}
    for name in expected:
        if name not in schema.names:
            raise BadInput(f"column '{name}' is absent; found: {', '.join(schema.names)}.")
    for name, kind in {**expected, **OPTIONAL}.items():
        if name in schema.names and (found := _value_type(schema.field(name).type)) != kind:
            raise BadInput(f"column '{name}' holds {found}; {kind} was expected.")


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _predictions(table: pa.Table, about: Mapping[str, Any]) -> Predictions:
    columns = {name: _read(table, name) for name in REQUIRED}
    columns |= {name: _read(table, name) for name in OPTIONAL if name in table.schema.names}
    if LOGITS in table.schema.names:
        columns[LOGITS] = _read_lists(table, len(about["labels"]))
    return Predictions(
        label_names=tuple(about["labels"]),
        attributes={name: _attribute(table, name, names) for name, names in about["attributes"].items()},
        run=_run(about["run"]),
        **columns,
    )


def _run(settings: Mapping[str, Any]) -> Run:
    try:
        return Run(**settings)
    except TypeError:
        raise BadInput(f"its run is {dict(settings)}; variant, seed, draw and repeat were expected.") from None


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    if column.null_count:
        raise BadInput(
            f"column '{name}' has {column.null_count} empty cells of {len(column)}; a value in each was expected."
        )
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _read(table: pa.Table, name: str) -> Any:
    column = _whole(table, name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    return column.to_numpy(zero_copy_only=False).copy()


def _read_lists(table: pa.Table, classes: int) -> Any:
    kind, expected = table.schema.field(LOGITS).type, pa.list_(pa.float32(), classes)
    if not (pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32() and kind.list_size == classes):
        raise BadInput(f"column '{LOGITS}' holds {kind}; {expected} was expected.")
    return _whole(table, LOGITS).flatten().to_numpy(zero_copy_only=False).reshape(len(table), classes).copy()


def _attribute(table: pa.Table, name: str, names: Any) -> Attribute:
    column = _whole(table, name)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    seen = [str(value) for value in encoded.dictionary.to_pylist()]
    places = {value: index for index, value in enumerate(names)}
    if unknown := [value for value in seen if value not in places]:
        raise BadInput(f"group attribute '{name}' holds '{unknown[0]}', which is not among its names {list(names)}.")
    order = np.array([places[value] for value in seen], dtype=np.int32)
    return Attribute(names=tuple(names), codes=order[encoded.indices.to_numpy(zero_copy_only=False)])
