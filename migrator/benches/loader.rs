//! Rows a second into `SQLite` against an optimal single-purpose loader. It has the same tables,
//! rows and durability, values converted beforehand, one connection, and one prepared statement for
//! each table. The store's two methods and the loader alternate within a round, so that drift of a
//! shared machine affects all. `-- --quick` for a short one.
#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/median.rs"]
mod median;
mod support;
#[path = "support/typed.rs"]
mod typed;

use std::path::Path;
use std::time::Instant;

use migrator::config::{InsertMethod, Synchronous};
use migrator::contract::catalogue::SqlType;
use migrator::record::SqlValue;
use migrator::store::Store;
use migrator::store::canonical::{fraction_digits, push_date, push_date_time, push_decimal};
use migrator::store::schema::{Tables, names, quoted};
use migrator::store::sqlite::SqliteStore;
use rusqlite::types::Value;

use median::median;
use typed::{Batch, Typed};

const BATCH_SIZE: usize = 1_000;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (batches, rounds) = if quick { (1, 3) } else { (4, 9) };
    let bench = Bench::new(batches);
    let mut seconds = vec![Vec::new(); 4];
    // The first round warms up and does not count.
    for round in 0..=rounds {
        let taken = [
            bench.load(true),
            bench.load(false),
            bench.store(InsertMethod::Values),
            bench.store(InsertMethod::Bulk),
        ];
        for (all, taken) in seconds.iter_mut().zip(taken) {
            if round > 0 {
                all.push(taken);
            }
        }
    }
    let rows = bench.typed.rows() as f64;
    println!("{rows} rows of staged records, {BATCH_SIZE} records a batch");
    let names = ["loader", "loader, references unchecked", "values", "bulk"];
    for (name, own) in names.iter().zip(&seconds) {
        let ratios = seconds[0].iter().zip(own).map(|(loader, own)| loader / own).collect();
        let rate = rows / median(own.clone());
        println!("{name:>28} {rate:9.0} rows/s, {:.2} of the loader", median(ratios));
    }
}

struct Bench {
    typed: Typed,
    bound: Vec<Batch<Value>>,
}

impl Bench {
    fn new(batches: usize) -> Self {
        let typed = Typed::new(batches, BATCH_SIZE);
        let tables = Tables::new(&typed.catalogue).unwrap();
        let bind = |batch: &Batch<SqlValue>| -> Batch<Value> {
            let of_table = |(table, rows): &(usize, Vec<Vec<SqlValue>>)| {
                let columns = &tables.all()[*table].columns;
                let stored = |row: &Vec<SqlValue>| {
                    let own = row.iter().zip(columns).filter(|(_, c)| c.computed.is_none());
                    own.map(|(value, column)| bound(value, column.sql_type)).collect()
                };
                (*table, rows.iter().map(stored).collect())
            };
            batch.iter().map(of_table).collect()
        };
        let bound = typed.batches.iter().map(bind).collect();
        Self { typed, bound }
    }

    fn empty_store(&self, folder: &Path) -> SqliteStore {
        let tables = Tables::new(&self.typed.catalogue).unwrap();
        let store = SqliteStore::new(&folder.join("b.db"), Synchronous::Full, tables).unwrap();
        store.create_missing().unwrap();
        store
    }

    /// Seconds of the store on one connection.
    fn store(&self, method: InsertMethod) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let store = self.empty_store(folder.path());
        let started = Instant::now();
        self.typed.insert_into(&store, method);
        started.elapsed().as_secs_f64()
    }

    /// Seconds of the loader.
    fn load(&self, references_checked: bool) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let store = self.empty_store(folder.path());
        let texts: Vec<String> = store.tables().all().iter().map(insert_text).collect();
        let started = Instant::now();
        let connection = rusqlite::Connection::open(folder.path().join("b.db")).unwrap();
        let checked = if references_checked { "ON" } else { "OFF" };
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = {checked}; PRAGMA synchronous = FULL"))
            .unwrap();
        let mut statements: Vec<_> =
            texts.iter().map(|text| connection.prepare(text).unwrap()).collect();
        for batch in &self.bound {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for (table, rows) in batch {
                for row in rows {
                    for (place, value) in row.iter().enumerate() {
                        statements[*table].raw_bind_parameter(place + 1, value).unwrap();
                    }
                    statements[*table].raw_execute().unwrap();
                }
            }
            connection.execute_batch("COMMIT").unwrap();
        }
        started.elapsed().as_secs_f64()
    }
}

fn insert_text(table: &migrator::contract::catalogue::Table) -> String {
    let places: Vec<usize> =
        (0..table.columns.len()).filter(|at| table.columns[*at].computed.is_none()).collect();
    let parameters = vec!["?"; places.len()].join(",");
    format!("INSERT INTO {} ({}) VALUES ({parameters})", quoted(&table.name), names(table, &places))
}

/// A value in the form in which the store binds it.
fn bound(value: &SqlValue, sql_type: SqlType) -> Value {
    let mut text = String::new();
    match value {
        SqlValue::Null => return Value::Null,
        SqlValue::Bit(bit) => return Value::Integer((*bit).into()),
        SqlValue::Int(number) => return Value::Integer(*number),
        SqlValue::Float(number) => return Value::Real(*number),
        SqlValue::Text(own) => text.push_str(own),
        SqlValue::Decimal { units, scale } => push_decimal(&mut text, *units, *scale),
        SqlValue::Date(date) => push_date(&mut text, *date),
        SqlValue::DateTime(time) => push_date_time(&mut text, *time, fraction_digits(sql_type)),
    }
    Value::Text(text)
}
