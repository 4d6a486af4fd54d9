//! Values of columns in CSV, TSV and JSON.

use std::io::{self, Write};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, Field};
use serde_json::Value;

use super::format::TableFormat;
use crate::error::{Malformed, Place, Result};

/// Checks that a text format can represent a column.
///
/// # Errors
/// A column that is not made of strings, numbers or booleans; JSON Lines can represent vectors, too.
pub(super) fn check_type(path: &Path, format: TableFormat, field: &Field) -> Result<()> {
    use DataType as D;
    let representable = match field.data_type() {
        D::Boolean | D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Float32 | D::Float64 | D::Null => true,
        integer if integer.is_integer() => true,
        D::FixedSizeList(item, _) => format == TableFormat::JsonLines && item.data_type() == &D::Float32,
        _ => false,
    };
    if representable {
        return Ok(());
    }
    let found = format!("the type {} in the column `{}`", field.data_type(), field.name());
    Err(Malformed::at(Place::File, format!("strings, numbers or booleans, as {format} requires"), found)
        .advise("write Parquet or Arrow")
        .in_file(path.to_string_lossy())
        .into())
}

/// The value of a row; null for types that [`check_type`] rejects.
pub(super) fn value(column: &dyn Array, row: usize) -> Value {
    use DataType as D;
    if column.is_null(row) {
        return Value::Null;
    }
    fn number<T: ArrowPrimitiveType>(column: &dyn Array, row: usize) -> T::Native {
        column.as_primitive::<T>().value(row)
    }
    match column.data_type() {
        D::Boolean => column.as_boolean().value(row).into(),
        D::Utf8 => column.as_string::<i32>().value(row).into(),
        D::LargeUtf8 => column.as_string::<i64>().value(row).into(),
        D::Utf8View => column.as_string_view().value(row).into(),
        D::Int8 => number::<Int8Type>(column, row).into(),
        D::Int16 => number::<Int16Type>(column, row).into(),
        D::Int32 => number::<Int32Type>(column, row).into(),
        D::Int64 => number::<Int64Type>(column, row).into(),
        D::UInt8 => number::<UInt8Type>(column, row).into(),
        D::UInt16 => number::<UInt16Type>(column, row).into(),
        D::UInt32 => number::<UInt32Type>(column, row).into(),
        D::UInt64 => number::<UInt64Type>(column, row).into(),
        D::Float32 => shortest(number::<Float32Type>(column, row)),
        D::Float64 => number::<Float64Type>(column, row).into(),
        D::FixedSizeList(..) => {
            let items = column.as_fixed_size_list().value(row);
            let numbers = items.as_primitive_opt::<Float32Type>().map(|items| items.values().iter().copied());
            Value::Array(numbers.into_iter().flatten().map(shortest).collect())
        }
        _ => Value::Null,
    }
}

/// A 32-bit float with the fewest digits that identify it; null if it is not finite, since JSON has no such number.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The value of a row as a field of CSV or TSV; empty for null.
pub(super) fn field(column: &dyn Array, row: usize) -> String {
    match value(column, row) {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Writes a comma, unless this is the first member of an object, and `"name":value`.
pub(super) fn member(out: &mut impl Write, name: &str, value: &Value, first: bool) -> io::Result<()> {
    if !first {
        out.write_all(b",")?;
    }
    serde_json::to_writer(&mut *out, name)?;
    out.write_all(b":")?;
    Ok(serde_json::to_writer(&mut *out, value)?)
}
