//! Rows to the types of the table catalogue, by SQL Server's conversion rules.
//!
//! One step above both stores, so that both hold the same values and `SQLite` refuses what SQL
//! Server would: the union of columns per table (contract.md 14.2), defaults of omitted columns,
//! types, NOT NULL, references to the catalogue's own rows, and the merging of repeated key/value
//! rows (14.3).

use chrono::NaiveDateTime;
use rustc_hash::FxHashSet;

use crate::contract::case::lower;
use crate::contract::catalogue::{Catalogue, Column, ColumnDefault, Table};
use crate::contract::column::{Cause, typed};
use crate::contract::model::ContractTable;
use crate::error::{Error, Result};
use crate::record::{
    Refusal, Row, RowSet, SqlRow, SqlValue, Stage, TableRows, Timestamp, TypedRecord, TypedRows,
    Value,
};

/// Key/value tables: the columns of the key, those of which a clash must also agree to update the
/// first row, and those that it updates (14.3). A history row of another source updates nothing.
const KEY_VALUE: [(&str, &[&str], &[&str], &[&str]); 4] = [
    ("scores", &["app_id", "score_identifier"], &[], &["score"]),
    ("indicators", &["app_id", "indicator"], &[], &["value"]),
    ("app_report_results_lookup", &["app_id", "name"], &[], &["value", "source_report_key"]),
    ("app_historical_lookup", &["app_id", "name"], &["source"], &["value"]),
];

/// Coerces the rows of one contract to one catalogue.
#[derive(Debug, Clone)]
pub struct Coercer {
    tables: Vec<TablePlan>,
}

/// One table of the contract, resolved against the catalogue.
#[derive(Debug, Clone)]
struct TablePlan {
    /// Index into the catalogue's tables.
    table: usize,
    name: String,
    columns: Vec<ColumnPlan>,
    /// For each column of the contract's table, its place in the catalogue's.
    places: Vec<usize>,
    references: Vec<Reference>,
    merge: Option<Merge>,
}

#[derive(Debug, Clone)]
struct ColumnPlan {
    column: Column,
    /// What the column gets where no row of the table names it.
    omitted: SqlValue,
}

/// A reference to rows that belong to the catalogue.
#[derive(Debug, Clone)]
struct Reference {
    columns: Vec<usize>,
    parent: String,
    keys: FxHashSet<String>,
}

#[derive(Debug, Clone)]
struct Merge {
    key: Vec<usize>,
    agreeing: Vec<usize>,
    updated: Vec<usize>,
}

impl Coercer {
    /// A coercer; `now` is the run's one point in time, which `GETUTCDATE()` stands for.
    ///
    /// # Errors
    /// Tables and columns of the contract that the catalogue lacks, all of them.
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

    /// Gives every value of a record the type of its column.
    ///
    /// # Errors
    /// The first value that its column must refuse, with table, column and one fixed reason.
    pub fn coerce(&self, record: RowSet) -> std::result::Result<TypedRecord, Refusal> {
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
            columns: own.columns.iter().map(|column| ColumnPlan::new(column, now)).collect(),
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
        let mut typed_rows: Vec<SqlRow> = Vec::with_capacity(rows.rows.len());
        for row in &rows.rows {
            let row = self.row(row, &named)?;
            match &self.merge {
                Some(merge) => merge.add(&mut typed_rows, row),
                None => typed_rows.push(row),
            }
        }
        Ok(typed_rows)
    }

    fn row(&self, row: &Row, named: &[bool]) -> std::result::Result<SqlRow, Refusal> {
        let start = |(plan, named): (&ColumnPlan, &bool)| {
            if *named { SqlValue::Null } else { plan.omitted.clone() }
        };
        let mut values: SqlRow = self.columns.iter().zip(named).map(start).collect();
        for cell in &row.cells {
            let place = self.places[usize::from(cell.column)];
            let is_empty = matches!(&cell.value, Value::Text(text) if text.is_empty());
            let value = if is_empty { &Value::Null } else { &cell.value };
            let sql_type = self.columns[place].column.sql_type;
            values[place] = typed(value, sql_type).map_err(|cause| self.refuse(&[place], cause))?;
        }
        self.check_nulls(&values)?;
        self.check_references(&values)?;
        Ok(values)
    }

    fn check_nulls(&self, values: &SqlRow) -> std::result::Result<(), Refusal> {
        let refused = |(plan, value): (&ColumnPlan, &SqlValue)| {
            let Column { nullable, identity, computed, .. } = &plan.column;
            *value == SqlValue::Null && !nullable && !identity && computed.is_none()
        };
        match self.columns.iter().zip(values).position(refused) {
            Some(place) => Err(self.refuse(&[place], "null is not allowed".into())),
            None => Ok(()),
        }
    }

    fn check_references(&self, values: &SqlRow) -> std::result::Result<(), Refusal> {
        for reference in &self.references {
            let key = key_text(values, &reference.columns);
            if key.is_some_and(|key| !reference.keys.contains(&key)) {
                let cause = format!("not in {}", reference.parent);
                return Err(self.refuse(&reference.columns, cause.into()));
            }
        }
        Ok(())
    }

    fn refuse(&self, places: &[usize], cause: Cause) -> Refusal {
        let names: Vec<&str> =
            places.iter().map(|place| self.columns[*place].column.name.as_str()).collect();
        Refusal {
            stage: Stage::Coerce,
            table: self.name.clone(),
            column: Some(names.join(", ")),
            reason: cause.into_owned(),
        }
    }
}

impl ColumnPlan {
    fn new(column: &Column, now: NaiveDateTime) -> Self {
        let default = match &column.default {
            None => Value::Null,
            Some(ColumnDefault::Now) => Value::Timestamp(Timestamp { local: now, offset_s: None }),
            Some(ColumnDefault::Constant(text)) => Value::Text(text.as_str().into()),
        };
        // The catalogue was read only because its defaults fit; a `now` that does not fit a column
        // leaves it null, which NOT NULL then refuses by name.
        let omitted = typed(&default, column.sql_type).unwrap_or(SqlValue::Null);
        Self { column: column.clone(), omitted }
    }
}

impl Merge {
    /// Adds a row, or updates the first row that has its key (14.3).
    fn add(&self, rows: &mut Vec<SqlRow>, row: SqlRow) {
        let key = key_text(&row, &self.key);
        let same_key = |other: &&mut SqlRow| key.is_some() && key_text(other, &self.key) == key;
        let Some(first) = rows.iter_mut().find(same_key) else {
            rows.push(row);
            return;
        };
        let agrees = |place: &usize| folded(&first[*place]) == folded(&row[*place]);
        if self.agreeing.iter().all(agrees) {
            for place in &self.updated {
                first[*place] = row[*place].clone();
            }
        }
    }
}

fn references(table: &Table, catalogue: &Catalogue) -> Vec<Reference> {
    let own = |key: &&crate::contract::catalogue::ForeignKey| {
        !catalogue.tables[key.references].rows.is_empty()
    };
    let reference = |key: &crate::contract::catalogue::ForeignKey| {
        let parent = &catalogue.tables[key.references];
        let keys = parent.rows.iter().filter_map(|row| key_text(row, &key.referenced_columns));
        Reference {
            columns: key.columns.clone(),
            parent: parent.name.clone(),
            keys: keys.collect(),
        }
    };
    table.foreign_keys.iter().filter(own).map(reference).collect()
}

fn merge_of(table: &Table) -> Option<Merge> {
    let (_, key, agreeing, updated) = KEY_VALUE.iter().find(|(name, ..)| *name == table.name)?;
    let places = |names: &[&str]| -> Option<Vec<usize>> {
        names.iter().map(|name| table.column(name)).collect()
    };
    Some(Merge { key: places(key)?, agreeing: places(agreeing)?, updated: places(updated)? })
}

/// A key as SQL Server compares it; `None` if a part of it is null.
fn key_text(values: &SqlRow, places: &[usize]) -> Option<String> {
    let mut text = String::new();
    for place in places {
        text.push_str(&folded(&values[*place])?);
        text.push('\0');
    }
    Some(text)
}

/// A value as SQL Server compares it: texts without regard to case and to blanks at their end.
fn folded(value: &SqlValue) -> Option<String> {
    match value {
        SqlValue::Null => None,
        SqlValue::Text(text) => Some(lower(text.trim_end_matches(' ')).into_owned()),
        SqlValue::Int(number) => Some(number.to_string()),
        SqlValue::Decimal { units, scale } => Some(format!("{units}e-{scale}")),
        other => Some(format!("{other:?}")),
    }
}
