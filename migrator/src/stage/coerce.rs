//! Conversion of rows to the types of the table catalogue, by SQL Server's rules.
//!
//! It runs before either store, so both hold the same values and `SQLite` rejects what SQL Server
//! would. It covers the union of columns per table (contract.md 14.2), defaults of omitted columns,
//! types, NOT NULL, references to the catalogue's own rows, and the merging of repeated key/value
//! rows (14.3).

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use chrono::NaiveDateTime;
use rustc_hash::{FxHashSet, FxHasher};

use crate::contract::case::{lower, same};
use crate::contract::catalogue::{Catalogue, Column, ColumnDefault, SqlType, Table};
use crate::contract::column::{CoercionError, coerce_value};
use crate::contract::model::ContractTable;
use crate::error::{Error, Result};
use crate::record::{
    Refusal, Row, RowSet, SqlRow, SqlValue, Stage, TableRows, Timestamp, TypedRecord, TypedRows,
    Value,
};

/// A key/value table, and the rule for a row whose key the record already has (14.3).
struct KeyValueTable {
    table: &'static str,
    key: &'static [&'static str],
    /// Columns that must be equal too, or the row is dropped: a history row of another source
    /// updates nothing.
    agreeing: &'static [&'static str],
    /// Columns that the row updates.
    updated: &'static [&'static str],
}

const KEY_VALUE: [KeyValueTable; 4] = [
    KeyValueTable {
        table: "scores",
        key: &["app_id", "score_identifier"],
        agreeing: &[],
        updated: &["score"],
    },
    KeyValueTable {
        table: "indicators",
        key: &["app_id", "indicator"],
        agreeing: &[],
        updated: &["value"],
    },
    KeyValueTable {
        table: "app_report_results_lookup",
        key: &["app_id", "name"],
        agreeing: &[],
        updated: &["value", "source_report_key"],
    },
    KeyValueTable {
        table: "app_historical_lookup",
        key: &["app_id", "name"],
        agreeing: &["source"],
        updated: &["value"],
    },
];

/// Coerces the rows of one contract to one catalogue.
#[derive(Debug, Clone)]
pub struct Coercer {
    tables: Vec<TablePlan>,
}

/// A table of the contract, resolved against the catalogue.
#[derive(Debug, Clone)]
struct TablePlan {
    /// Index into the catalogue's tables.
    table: usize,
    name: String,
    /// Names and types of the catalogue's columns.
    columns: Vec<(String, SqlType)>,
    /// Values of columns that no row of the table names, unless null.
    omitted: Vec<(usize, SqlValue)>,
    /// Columns that must not be null.
    required: Vec<usize>,
    /// Index in the catalogue's columns of each column of the contract's table.
    places: Vec<usize>,
    references: Vec<ParentKey>,
    merge: Option<RowMerge>,
}

/// Key of parent rows that are part of the catalogue.
#[derive(Debug, Clone)]
struct ParentKey {
    columns: Vec<usize>,
    parent: String,
    keys: FxHashSet<FoldedKey>,
}

/// A key, folded as SQL Server compares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum FoldedKey {
    /// One integer, the usual key of an enumeration. It needs no text.
    Number(i64),
    /// Any other key; each part ends with NUL.
    Text(String),
}

#[derive(Debug, Clone)]
struct RowMerge {
    key: Vec<usize>,
    agreeing: Vec<usize>,
    updated: Vec<usize>,
}

impl Coercer {
    /// Creates a coercer. `now` is the current time of the run, for `GETUTCDATE()`.
    ///
    /// # Errors
    /// All tables and columns of the contract that the catalogue lacks.
    pub fn new(
        tables: &[ContractTable],
        catalogue: &Catalogue,
        now: NaiveDateTime,
    ) -> Result<Self> {
        let mut missing = Vec::new();
        let plans = tables
            .iter()
            .filter_map(|table| TablePlan::new(table, catalogue, now, &mut missing))
            .collect();
        if missing.is_empty() {
            return Ok(Self { tables: plans });
        }
        let list = missing.join(", ");
        Err(Error::environment(format!("the contract maps what the table catalogue lacks: {list}")))
    }

    /// Converts every value of a record to the type of its column.
    ///
    /// # Errors
    /// The first value that its column does not accept, with table, column and a fixed reason.
    pub fn coerce(&self, record: &RowSet) -> std::result::Result<TypedRecord, Refusal> {
        let mut tables = Vec::with_capacity(record.tables.len());
        for rows in &record.tables {
            let plan = &self.tables[rows.table];
            tables.push(TypedRows { table: plan.table, rows: plan.coerce(rows)? });
        }
        Ok(TypedRecord { key: record.key, tables })
    }
}

impl TablePlan {
    fn new(
        table: &ContractTable,
        catalogue: &Catalogue,
        now: NaiveDateTime,
        missing: &mut Vec<String>,
    ) -> Option<Self> {
        let Some(index) = catalogue.table(&table.name) else {
            missing.push(format!("table {}", table.name));
            return None;
        };
        let own = &catalogue.tables[index];
        let before = missing.len();
        let place = |name: &String| {
            let place = own.column(name).filter(|place| own.columns[*place].computed.is_none());
            if place.is_none() {
                missing.push(format!("column {}.{name}", table.name));
            }
            place
        };
        let places: Vec<usize> = table.columns.iter().filter_map(place).collect();
        (missing.len() == before).then(|| Self {
            table: index,
            name: table.name.clone(),
            columns: own.columns.iter().map(|c| (c.name.clone(), c.sql_type)).collect(),
            omitted: (0..)
                .zip(own.columns.iter().map(|column| omitted(column, now)))
                .filter(|(_, value)| *value != SqlValue::Null)
                .collect(),
            required: (0..own.columns.len()).filter(|at| is_required(&own.columns[*at])).collect(),
            places,
            references: references(own, catalogue),
            merge: merge_of(own),
        })
    }

    fn coerce(&self, rows: &TableRows) -> std::result::Result<Vec<SqlRow>, Refusal> {
        let mut named = vec![false; self.columns.len()];
        for cell in rows.rows.iter().flat_map(|row| &row.cells) {
            named[self.places[usize::from(cell.column)]] = true;
        }
        let mut typed_rows = Vec::with_capacity(rows.rows.len());
        for row in &rows.rows {
            typed_rows.push(self.row(row, &named)?);
        }
        Ok(match &self.merge {
            Some(merge) => merge.apply(typed_rows),
            None => typed_rows,
        })
    }

    fn row(&self, row: &Row, named: &[bool]) -> std::result::Result<SqlRow, Refusal> {
        let mut values = self.columns.iter().map(|_| SqlValue::Null).collect::<SqlRow>();
        for (place, value) in self.omitted.iter().filter(|(place, _)| !named[*place]) {
            values[*place] = value.clone();
        }
        for cell in &row.cells {
            let place = self.places[usize::from(cell.column)];
            let is_empty = matches!(&cell.value, Value::Text(text) if text.is_empty());
            let value = if is_empty { &Value::Null } else { &cell.value };
            let sql_type = self.columns[place].1;
            values[place] =
                coerce_value(value, sql_type).map_err(|cause| self.refuse(&[place], cause))?;
        }
        self.check_nulls(&values)?;
        self.check_references(&values)?;
        Ok(values)
    }

    fn check_nulls(&self, values: &SqlRow) -> std::result::Result<(), Refusal> {
        match self.required.iter().find(|place| values[**place].is_null()) {
            Some(place) => Err(self.refuse(&[*place], "null is not allowed".into())),
            None => Ok(()),
        }
    }

    fn check_references(&self, values: &SqlRow) -> std::result::Result<(), Refusal> {
        for reference in &self.references {
            let key = key_of(values, &reference.columns);
            if key.is_some_and(|key| !reference.keys.contains(&key)) {
                let cause = format!("not in {}", reference.parent);
                return Err(self.refuse(&reference.columns, cause.into()));
            }
        }
        Ok(())
    }

    fn refuse(&self, places: &[usize], cause: CoercionError) -> Refusal {
        let names: Vec<&str> = places.iter().map(|place| self.columns[*place].0.as_str()).collect();
        Refusal {
            stage: Stage::Coerce,
            table: self.name.clone(),
            column: Some(names.join(", ")),
            reason: cause.into_owned(),
        }
    }
}

/// Value of a column that no row of its table names.
fn omitted(column: &Column, now: NaiveDateTime) -> SqlValue {
    let default = match &column.default {
        None => Value::Null,
        Some(ColumnDefault::Now) => Value::Timestamp(Timestamp { local: now, offset_s: None }),
        Some(ColumnDefault::Constant(text)) => Value::Text(text.as_str().into()),
    };
    // Defaults fit: reading the catalogue checked them. A `now` that does not fit leaves the column
    // null, and NOT NULL then rejects it by name.
    coerce_value(&default, column.sql_type).unwrap_or(SqlValue::Null)
}

fn is_required(column: &Column) -> bool {
    !column.nullable && !column.identity && column.computed.is_none()
}

impl RowMerge {
    /// Merges rows with the same key: a later row updates the first (14.3).
    fn apply(&self, rows: Vec<SqlRow>) -> Vec<SqlRow> {
        let mut hashes = Vec::with_capacity(rows.len());
        hashes.extend(rows.iter().filter_map(|row| hash_of(row, &self.key)));
        hashes.sort_unstable();
        let differ = hashes.windows(2).all(|pair| pair[0] != pair[1]);
        if differ { rows } else { self.merged(rows) }
    }

    /// There are as many rows as the contract has mappings for the table. Their hashes are compared
    /// before their keys.
    fn merged(&self, rows: Vec<SqlRow>) -> Vec<SqlRow> {
        let mut merged: Vec<SqlRow> = Vec::with_capacity(rows.len());
        let mut hashes: Vec<Option<u64>> = Vec::with_capacity(rows.len());
        for row in rows {
            let hash = hash_of(&row, &self.key);
            let same = |at: &usize| hashes[*at] == hash && same_in(&merged[*at], &row, &self.key);
            if let Some(first) = (0..merged.len()).find(same).filter(|_| hash.is_some()) {
                self.update(&mut merged[first], &row);
            } else {
                merged.push(row);
                hashes.push(hash);
            }
        }
        merged
    }

    fn update(&self, first: &mut SqlRow, row: &SqlRow) {
        if same_in(first, row, &self.agreeing) {
            for place in &self.updated {
                first[*place] = row[*place].clone();
            }
        }
    }
}

fn references(table: &Table, catalogue: &Catalogue) -> Vec<ParentKey> {
    let own = |key: &&crate::contract::catalogue::ForeignKey| {
        !catalogue.tables[key.references].rows.is_empty()
    };
    let reference = |key: &crate::contract::catalogue::ForeignKey| {
        let parent = &catalogue.tables[key.references];
        let keys = parent.rows.iter().filter_map(|row| key_of(row, &key.referenced_columns));
        ParentKey {
            columns: key.columns.clone(),
            parent: parent.name.clone(),
            keys: keys.collect(),
        }
    };
    table.foreign_keys.iter().filter(own).map(reference).collect()
}

fn merge_of(table: &Table) -> Option<RowMerge> {
    let rule = KEY_VALUE.iter().find(|rule| rule.table == table.name)?;
    let places = |names: &[&str]| -> Option<Vec<usize>> {
        names.iter().map(|name| table.column(name)).collect()
    };
    Some(RowMerge {
        key: places(rule.key)?,
        agreeing: places(rule.agreeing)?,
        updated: places(rule.updated)?,
    })
}

/// Key of a row in these columns; `None` if a part is null.
fn key_of(values: &SqlRow, places: &[usize]) -> Option<FoldedKey> {
    if let [place] = places
        && let SqlValue::Int(number) = values[*place]
    {
        return Some(FoldedKey::Number(number));
    }
    let mut text = String::new();
    for place in places {
        text.push_str(&folded(&values[*place])?);
        text.push('\0');
    }
    Some(FoldedKey::Text(text))
}

/// Hash of a row's key, equal for keys that SQL Server treats as equal. `None` if a part is null.
fn hash_of(values: &SqlRow, places: &[usize]) -> Option<u64> {
    let mut hasher = FxHasher::default();
    for place in places {
        match &values[*place] {
            SqlValue::Int(number) => number.hash(&mut hasher),
            SqlValue::Text(text) if text.is_ascii() => {
                hash_folded(text.trim_end_matches(' '), &mut hasher);
            }
            // Lower case of a non-ASCII text may be ASCII.
            value => hash_folded(&folded(value)?, &mut hasher),
        }
    }
    Some(hasher.finish())
}

/// Hash of a text's length, first and last bytes, without regard to ASCII case.
fn hash_folded(text: &str, hasher: &mut FxHasher) {
    /// Bit that distinguishes the cases of a letter.
    const CASE: u64 = u64::MAX / 0xff * 0x20;
    let bytes = text.as_bytes();
    bytes.len().hash(hasher);
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            (u64::from_le_bytes(*first) | CASE).hash(hasher);
            (u64::from_le_bytes(*last) | CASE).hash(hasher);
        }
        _ => bytes.iter().for_each(|byte| byte.to_ascii_lowercase().hash(hasher)),
    }
}

/// Compares two rows in these columns like SQL Server.
fn same_in(one: &SqlRow, other: &SqlRow, places: &[usize]) -> bool {
    places.iter().all(|place| match (&one[*place], &other[*place]) {
        (SqlValue::Int(one), SqlValue::Int(other)) => one == other,
        (SqlValue::Text(one), SqlValue::Text(other)) => {
            same(one.trim_end_matches(' '), other.trim_end_matches(' '))
        }
        (one, other) => folded(one) == folded(other),
    })
}

/// A value as SQL Server compares it: texts without regard to case and trailing blanks.
fn folded(value: &SqlValue) -> Option<Cow<'_, str>> {
    match value {
        SqlValue::Null => None,
        SqlValue::Text(text) => Some(lower(text.trim_end_matches(' '))),
        SqlValue::Int(number) => Some(number.to_string().into()),
        SqlValue::Decimal { units, scale } => Some(format!("{units}e-{scale}").into()),
        other => Some(format!("{other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Cell;
    use crate::store::canonical::plain;

    const CATALOGUE: &str = r#"{"schema": "s", "tables": [
        {"name": "app_enums", "primary_key": ["enum_id"], "rows": [{"enum_id": 1}, {"enum_id": 2}],
         "columns": [{"name": "enum_id", "type": "smallint", "nullable": false}]},
        {"name": "people", "primary_key": ["id"],
         "foreign_keys": [{"columns": ["kind"], "references": "app_enums",
                           "referenced_columns": ["enum_id"], "on_delete": "no action"}],
         "columns": [
            {"name": "id", "type": "int", "nullable": false, "identity": true},
            {"name": "name", "type": "varchar(5)", "nullable": false, "default": "('nn')"},
            {"name": "kind", "type": "smallint", "nullable": true},
            {"name": "flag", "type": "bit", "nullable": true, "default": "((0))"},
            {"name": "since", "type": "datetime", "nullable": false, "default": "GETUTCDATE()"},
            {"name": "initial", "type": "char(1)", "nullable": true, "computed": "LEFT(name, 1)"}]},
        {"name": "app_historical_lookup", "primary_key": ["app_id", "name"],
         "columns": [
            {"name": "app_id", "type": "int", "nullable": false},
            {"name": "name", "type": "varchar(9)", "nullable": false},
            {"name": "source", "type": "varchar(9)", "nullable": true},
            {"name": "value", "type": "varchar(9)", "nullable": true}]}]}"#;

    fn coercer(columns: &[&str], table: &str) -> Result<Coercer> {
        let catalogue = Catalogue::parse(CATALOGUE, "test").unwrap();
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        let table = ContractTable { name: table.to_owned(), columns };
        let now = crate::contract::convert::timestamp("2026-01-31 09:08:07").unwrap().local;
        Coercer::new(&[table], &catalogue, now)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// Coerces rows given as values by column, `None` where a row does not name the column.
    fn coerced(
        table: &str,
        columns: &[&str],
        rows: &[&[Option<Value>]],
    ) -> std::result::Result<Vec<Vec<String>>, String> {
        let row = |values: &&[Option<Value>]| {
            let cells = (0..)
                .zip(values.iter())
                .filter_map(|(column, value)| Some(Cell { column, value: value.clone()? }));
            Row { cells: cells.collect() }
        };
        let rows = TableRows { table: 0, rows: rows.iter().map(row).collect() };
        let record = RowSet { key: 1, tables: vec![rows] };
        let coerce_value = coercer(columns, table).unwrap().coerce(&record).map_err(|refusal| {
            let column = refusal.column.unwrap_or_default();
            format!("{}: {}.{column}: {}", refusal.stage, refusal.table, refusal.reason)
        })?;
        let plain_row = |row: &SqlRow| row.iter().map(plain).collect();
        Ok(coerce_value.tables[0].rows.iter().map(plain_row).collect())
    }

    #[test]
    fn omitted_columns_of_a_single_row_get_their_defaults() {
        let rows = coerced("people", &["id"], &[&[Some(Value::Int(7))]]).unwrap();
        assert_eq!(rows, [["7", "nn", "null", "0", "2026-01-31 09:08:07", "null"]]);
    }

    #[test]
    fn a_column_that_only_some_rows_name_is_null_in_the_others() {
        let columns = ["id", "name", "flag"];
        let one = [Some(Value::Int(1)), Some(text("a")), Some(Value::Int(1))];
        let two = [Some(Value::Int(2)), Some(text("b")), None];
        let rows = coerced("people", &columns, &[&one, &two]).unwrap();
        assert_eq!(rows[0][3], "1");
        assert_eq!(rows[1][3], "null");
    }

    #[test]
    fn a_rejected_value_names_table_column_and_cause() {
        let columns = ["id", "name", "kind"];
        let cases = [
            ([Some(text("x")), None, None], "coerce: people.id: not a whole number"),
            (
                [Some(Value::Int(1)), Some(text("abcdef")), None],
                "coerce: people.name: text longer than varchar(5)",
            ),
            (
                [Some(Value::Int(1)), Some(text("")), None],
                "coerce: people.name: null is not allowed",
            ),
            (
                [Some(Value::Int(1)), None, Some(Value::Int(3))],
                "coerce: people.kind: not in app_enums",
            ),
        ];
        for (row, expected) in cases {
            assert_eq!(coerced("people", &columns, &[&row]), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_repeated_history_key_of_the_same_source_takes_the_last_value() {
        let columns = ["app_id", "name", "source", "value"];
        let row = |name: &str, source: &str, value: &str| {
            [Some(Value::Int(1)), Some(text(name)), Some(text(source)), Some(text(value))]
        };
        let rows = [row("[a]", "[x]", "1"), row("[A] ", "[X]", "2"), row("[b]", "[x]", "3")];
        let rows: Vec<&[Option<Value>]> = rows.iter().map(<[_; 4]>::as_slice).collect();
        let merged = coerced("app_historical_lookup", &columns, &rows).unwrap();
        assert_eq!(merged, [["1", "[a]", "[x]", "2"], ["1", "[b]", "[x]", "3"]]);
    }

    #[test]
    fn a_repeated_history_key_of_another_source_is_lost() {
        let columns = ["app_id", "name", "source", "value"];
        let row = |source: &str, value: &str| {
            [Some(Value::Int(1)), Some(text("[a]")), Some(text(source)), Some(text(value))]
        };
        let rows = [row("[x]", "1"), row("[y]", "2")];
        let rows: Vec<&[Option<Value>]> = rows.iter().map(<[_; 4]>::as_slice).collect();
        let merged = coerced("app_historical_lookup", &columns, &rows).unwrap();
        assert_eq!(merged, [["1", "[a]", "[x]", "1"]]);
    }

    #[test]
    fn unknown_and_computed_columns_cannot_be_mapped() {
        let error = coercer(&["id", "nickname", "initial"], "people").unwrap_err().to_string();
        assert!(error.contains("people.nickname") && error.contains("people.initial"), "{error}");
        let error = coercer(&["id"], "persons").unwrap_err().to_string();
        assert!(error.contains("table persons"), "{error}");
    }
}
