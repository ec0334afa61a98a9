"""From text to typed columns, by rules that a reader can predict.

Everything is read as text first, so that 007 stays 007. A column becomes numbers, true/false or dates only where
each of its values is one without doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "NAN", "null", "NULL", "Null", "None")
"""Cells that hold nothing. `none` and `na` stay text: people write them as answers."""

_INTEGER = r"^[+-]?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?(0|[1-9][0-9]*|)(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?$"
_DIGIT = r"[0-9]"
_LONG_CODE = r"^[+-]?[0-9]{19,}$"
_COMMA_NUMBER = r"^[+-]?(0|[1-9][0-9]*)(,[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"


def cleaned(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks around it, null where it says that there is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), trimmed)


def has_decimal_commas(text: pa.ChunkedArray) -> bool:
    """Whether every value is a number written as in 1,5, and one at least has a comma."""
    import pyarrow.compute as pc

    values = pc.unique(text).drop_null()
    return _all_match(values, _COMMA_NUMBER) and bool(pc.any(pc.match_substring(values, ",")).as_py())


def with_points(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers with a decimal point in place of the comma."""
    import pyarrow.compute as pc

    return pc.replace_substring(text, ",", ".")


def typed(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as true/false, integers, numbers, dates or moments where every value is one; else as it is.

    Numbers with leading zeros, and integers of more than 18 digits, are codes and stay text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.unique(text).drop_null()
    if len(values) == 0:
        return text
    lowered = pc.utf8_lower(values)
    if pc.all(pc.is_in(lowered, value_set=pa.array(["true", "false"]))).as_py():
        return pc.equal(pc.utf8_lower(text), "true")
    if pc.any(pc.match_substring_regex(values, _LONG_CODE)).as_py():
        return text
    if _all_match(values, _INTEGER):
        return pc.utf8_ltrim(text, "+").cast(pa.int64())
    if _all_match(values, _NUMBER) and _all_match(values, _DIGIT):
        return _cast_or(pc.utf8_ltrim(text, "+"), pa.float64())
    if _all_match(values, _DATE):
        return _cast_or(text, pa.date32())
    if _all_match(values, _MOMENT):
        return _cast_or(text, pa.timestamp("us"))
    return text


def numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Finite float64 where the text is a number, null elsewhere."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
    is_number = pc.match_substring_regex(text, pattern)
    found = pc.utf8_ltrim(pc.if_else(is_number, text, pa.scalar(None, pa.string())), "+").cast(pa.float64())
    return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))


def _all_match(values: pa.Array, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _cast_or(text: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast, or the text itself where a value is none after all (30 February)."""
    import pyarrow as pa

    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return text


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Any column as text, integers that a data frame made floats (7.0 for 7) as integers again."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        is_whole = pc.all(pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), 1e15))).as_py()
        return column.cast(pa.int64()).cast(pa.string()) if is_whole else column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring_regex(pc.strftime(column, "%Y-%m-%dT%H:%M:%S"), r"\.0+$", "")
    return column.cast(pa.string())
