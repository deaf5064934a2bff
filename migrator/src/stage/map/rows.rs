//! Row-creating types: each group of mappings creates at most one row (contract.md 11).

use std::borrow::Cow;

use super::context::ContextValues;
use super::lookup::{LookupResult, is_meaningful, look_up};
use super::observe::{DropReason, MapEvent, MapObserver, RowSubject};
use super::row_context::{RecordContext, RowContext};
use super::transform::char_to_bit;
use crate::contract::convert::{
    DataType, convert, convert_value, digits_only, float, integer, is_blank, text_of, trim,
};
use crate::contract::model::{Mapping, RowGroup, RowKind, Step};
use crate::record::{Cell, Row, Value};

/// Column that creates a collateral row only if it is a number above zero.
const WHOLESALE_VALUE: &str = "wholesale_value";

/// Adds the row of a group if its condition holds. `table` is the group's table in the contract.
pub(super) fn create<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    table: usize,
    group: &RowGroup,
    names: &ContextValues<'r>,
    rows: &mut Vec<Row>,
) {
    cx.emit(MapEvent::Row(RowSubject::Group(group)));
    let maker = RowBuilder { cx, group, columns: &cx.contract.tables[table].columns, names };
    let before = rows.len();
    match group.kind {
        RowKind::Collateral => rows.extend(maker.collateral()),
        RowKind::Warranty => rows.extend(maker.warranty()),
        _ => maker.single(rows),
    }
    let is_made = rows.len() > before;
    cx.emit(if is_made { MapEvent::Kept } else { MapEvent::Dropped(DropReason::NotMade) });
}

struct RowBuilder<'m, 'r, O> {
    cx: &'m RecordContext<'r, O>,
    group: &'m RowGroup,
    columns: &'m [String],
    names: &'m ContextValues<'r>,
}

fn text_value(text: &str) -> Value {
    Value::Text(text.into())
}

fn has_step(mapping: &Mapping, wanted: fn(&Step) -> bool) -> bool {
    mapping.chain.iter().any(wanted)
}

impl<'r, O: MapObserver> RowBuilder<'_, 'r, O> {
    fn text(&self, mapping: &Mapping) -> Option<Cow<'r, str>> {
        self.cx.emit(MapEvent::Column(mapping));
        match look_up(self.cx, mapping, &RowContext::Application(self.names)) {
            LookupResult::Text(text) => Some(text),
            LookupResult::Null | LookupResult::Opaque => None,
        }
    }

    fn meaningful(&self, mapping: &Mapping) -> Option<Value> {
        let text = self.text(mapping)?;
        is_meaningful(&text).then(|| text_value(trim(&text)))
    }

    fn app_id(&self) -> Value {
        self.cx.app_id.clone()
    }

    /// Value, in every row, of the column at a position of [`RowKind::columns`].
    fn fixed(&self, place: usize) -> Value {
        self.group.fixed[place].clone().unwrap_or(Value::Null)
    }

    /// Creates a row with one member directly in `rows` (11.1 to 11.5).
    fn single(&self, rows: &mut Vec<Row>) {
        let (Some(mapping), [app_id, .., last]) =
            (self.group.members.first(), &self.group.columns[..])
        else {
            return;
        };
        let Some(value) = self.observed(self.value_of(mapping), true) else { return };
        rows.push(Row::default());
        let Some(Row { cells }) = rows.last_mut() else { return };
        cells.push(Cell { column: *app_id, value: self.app_id() });
        for (column, fixed) in self.group.columns.iter().zip(&self.group.fixed) {
            if let Some(value) = fixed {
                cells.push(Cell { column: *column, value: value.clone() });
            }
        }
        if self.group.kind == RowKind::PolicyException {
            let observed = |notes| self.observed(self.meaningful(notes), false);
            let notes = self.group.notes.as_ref().and_then(observed).unwrap_or(Value::Null);
            let about = self.group.columns[self.group.columns.len() - 2];
            cells.push(Cell { column: about, value });
            cells.push(Cell { column: *last, value: notes });
        } else {
            cells.push(Cell { column: *last, value });
        }
    }

    /// Value of the current mapping, after reporting it to the observer.
    fn observed(&self, value: Option<Value>, makes_row: bool) -> Option<Value> {
        let makes_row = makes_row && value.is_some();
        let shown = value.as_ref().unwrap_or(&Value::Null);
        self.cx.emit(MapEvent::Member { value: shown, makes_row });
        value
    }

    /// Value of the row; `None` if the condition of its kind does not hold.
    fn value_of(&self, mapping: &Mapping) -> Option<Value> {
        match self.group.kind {
            RowKind::Score => {
                let score = convert(&self.text(mapping)?, mapping.data_type);
                (!score.is_null()).then_some(score)
            }
            RowKind::Indicator => {
                let text = self.text(mapping)?;
                let text = trim(&text);
                // No letter outside ASCII has one of these as its lower case.
                let says = |yes: &&str| text.eq_ignore_ascii_case(yes);
                let set = ["y", "yes", "true", "t", "1"].iter().any(says);
                set.then(|| text_value("1"))
            }
            _ => self.meaningful(mapping),
        }
    }

    fn collateral(&self) -> Option<Row> {
        let mut row = Row::default();
        let mut made = false;
        for mapping in &self.group.members {
            let (value, makes_row) = self.collateral_value(mapping);
            self.cx.emit(MapEvent::Member { value: &value, makes_row });
            if !value.is_null() {
                set(&mut row, mapping.column, value);
            }
            made |= makes_row;
        }
        if !made {
            return None;
        }
        set(&mut row, self.group.columns[0], self.app_id());
        set(&mut row, self.group.columns[1], self.fixed(1));
        for mapping in &self.group.members {
            let missing = !row.cells.iter().any(|cell| cell.column == mapping.column);
            if let Some(default) = collateral_default(mapping).filter(|_| missing) {
                self.cx.emit(MapEvent::DefaultAdded(mapping, &default));
                set(&mut row, mapping.column, default);
            }
        }
        Some(row)
    }

    /// Value of the column, and true if it creates the row (11.6).
    fn collateral_value(&self, mapping: &Mapping) -> (Value, bool) {
        if let Some(Step::Calculated(expression)) =
            mapping.chain.iter().find(|step| matches!(step, Step::Calculated(_)))
        {
            self.cx.emit(MapEvent::Column(mapping));
            self.cx.emit(MapEvent::Calculating(self.names));
            let result = expression.as_ref().map_or(Value::Null, |e| e.evaluate(self.names));
            return (convert_value(result, mapping.data_type), false);
        }
        if has_step(mapping, |step| matches!(step, Step::CharToBit)) {
            return (self.bit(mapping), false);
        }
        let Some(value) = self.meaningful(mapping) else { return (Value::Null, false) };
        let text = text_of(&value).into_owned();
        if has_step(mapping, |step| matches!(step, Step::Digits { .. })) {
            let digits =
                digits_only(&text).map_or(Value::Null, |n| convert_value(n, mapping.data_type));
            let makes_row = !digits.is_null();
            return (digits, makes_row);
        }
        let makes_row = self.columns[usize::from(mapping.column)] != WHOLESALE_VALUE
            || float(&text).is_some_and(|number| number > 0.0);
        (numeric_or_text(mapping, value), makes_row)
    }

    fn bit(&self, mapping: &Mapping) -> Value {
        let text = self.text(mapping).unwrap_or_default();
        char_to_bit(self.cx, trim(&text))
    }

    fn warranty(&self) -> Option<Row> {
        let mut row = Row::default();
        let mut made = false;
        for mapping in &self.group.members {
            let is_bit = has_step(mapping, |step| matches!(step, Step::CharToBit));
            let value = if is_bit { Some(self.bit(mapping)) } else { self.meaningful(mapping) };
            if let Some(value) = self.observed(value, !is_bit) {
                set(&mut row, mapping.column, value);
                made |= !is_bit;
            }
        }
        if !made {
            return None;
        }
        let [app_id, kind, lienholder] = self.group.columns[..] else { return None };
        set(&mut row, app_id, self.app_id());
        set(&mut row, kind, self.fixed(1));
        if !row.cells.iter().any(|cell| cell.column == lienholder) {
            set(&mut row, lienholder, Value::Int(0));
        }
        Some(row)
    }
}

fn set(row: &mut Row, column: u16, value: Value) {
    match row.cells.iter_mut().find(|cell| cell.column == column) {
        Some(cell) => cell.value = value,
        None => row.cells.push(Cell { column, value }),
    }
}

fn is_numeric(data_type: DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Decimal | DataType::Float)
}

/// Converts numeric types. If that fails, the text itself is the value (11.6).
fn numeric_or_text(mapping: &Mapping, value: Value) -> Value {
    if !is_numeric(mapping.data_type) {
        return value;
    }
    match convert(&text_of(&value), mapping.data_type) {
        Value::Null => value,
        number => number,
    }
}

/// A truthy default, converted by the simple rules of 9.5 (c).
fn collateral_default(mapping: &Mapping) -> Option<Value> {
    mapping.default.typed.as_ref()?;
    let raw = mapping.default.raw.as_ref()?;
    let text = text_of(raw);
    if is_blank(&text) {
        return None;
    }
    Some(match mapping.data_type {
        data_type if data_type.is_integer() => integer(&text)?,
        DataType::Decimal | DataType::Float => Value::Float(float(&text)?),
        DataType::Bit => Value::Int(i64::from(matches!(&*text, "1" | "Y" | "true" | "True"))),
        _ => text_value(&text),
    })
}
