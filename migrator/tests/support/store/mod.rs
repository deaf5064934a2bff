//! A small catalogue shaped like production's, records for it, and stores for tests and benches.
#![allow(dead_code, reason = "no test or bench uses every fixture")]

pub(crate) mod faulty;
pub(crate) mod manual_clock;
pub(crate) mod memory;
pub(crate) mod positions;
pub(crate) mod runs;

use chrono::{NaiveDate, NaiveDateTime};
use migrator::config::{CacheConfig, PoolConfig};
use migrator::contract::catalogue::{Catalogue, Column, ColumnDefault, ForeignKey, SqlType, Table};
use migrator::error::Result;
use migrator::record::{SqlRow, SqlValue, TypedRecord, TypedRows};
use migrator::store::Store;
use migrator::store::pool::Pool;
use migrator::telemetry::metrics::Metrics;
use migrator::util::clock::SystemClock;
use migrator::write::cache::{DedupCache, WorkerCache};
use migrator::write::insert::{Batch, BatchResult, Writer};

/// Indices of the catalogue's tables.
pub(crate) const ENUMS: usize = 0;
pub(crate) const BASE: usize = 1;
pub(crate) const CONTACT: usize = 2;
pub(crate) const OPERATIONAL: usize = 3;
pub(crate) const PRICING: usize = 4;
pub(crate) const ADDRESS: usize = 5;
pub(crate) const EMPLOYMENT: usize = 6;
pub(crate) const HISTORY: usize = 7;
pub(crate) const SCORES: usize = 8;

/// Enum ids that `app_enums` has.
pub(crate) const CURRENT: i64 = 10;
pub(crate) const PREVIOUS: i64 = 11;

/// The tables above. The store adds the log.
pub(crate) fn catalogue() -> Catalogue {
    let mut enums = table("app_enums", "enum_id smallint! type varchar50! value varchar100!", 1);
    for (id, kind, value) in [(CURRENT, "address_type", "CURR"), (PREVIOUS, "address_type", "PREV")]
    {
        enums.rows.push([int(id), text(kind), text(value)].into());
    }
    let mut base = table(
        "app_base",
        "app_id int! app_type_enum smallint product_line_enum smallint! receive_date datetime! \
         ip_address varchar39",
        1,
    );
    base.columns[0].identity = true;
    base.columns[3].default = Some(ColumnDefault::Now);
    refer(&mut base, 1, ENUMS, false);
    let mut contact = table(
        "app_contact_base",
        "con_id int! app_id int! birth_date date! email varchar100 first_name varchar50! \
         last_name varchar50! ssn varchar9! sms_consent_flag bit! ssn_last_4 varchar4",
        1,
    );
    contact.columns[0].identity = true;
    contact.columns[7].default = Some(ColumnDefault::Constant("0".into()));
    contact.columns[8].computed = Some("RIGHT(ssn, 4)".into());
    contact.unique = vec![vec![0, 4]];
    refer(&mut contact, 1, BASE, true);
    let mut operational = table("app_operational_cc", &operational_columns(), 1);
    refer(&mut operational, 0, BASE, true);
    let mut pricing = table(
        "app_pricing_cc",
        "app_id int! campaign_num varchar6! credit_line smallint card_annual_fee decimal12.2 \
         card_purchase_apr decimal5.2 intro_apr decimal8.5 special_flag char1 rate float \
         locked smalldatetime stamp datetime2",
        1,
    );
    pricing.columns[3].default = Some(ColumnDefault::Constant("0".into()));
    pricing.indexes = vec![vec![1, 2]];
    refer(&mut pricing, 0, BASE, true);
    let mut address = table(
        "app_contact_address",
        "con_id int! address_type_enum smallint! city varchar50 state char2 zip varchar9 \
         months_at_address smallint",
        2,
    );
    refer(&mut address, 0, CONTACT, true);
    refer(&mut address, 1, ENUMS, false);
    let mut employment = table(
        "app_contact_employment",
        "con_id int! employment_type_enum smallint! business_name varchar100 \
         monthly_salary decimal12.2 self_employed_flag bit!",
        2,
    );
    refer(&mut employment, 0, CONTACT, true);
    let mut history = table(
        "app_historical_lookup",
        "app_id int! name varchar100! source varchar50 value varchar250 rowstamp datetime!",
        2,
    );
    refer(&mut history, 0, BASE, true);
    let mut scores = table("scores", "app_id int! score_identifier varchar50! score int", 2);
    refer(&mut scores, 0, BASE, true);
    let tables =
        vec![enums, base, contact, operational, pricing, address, employment, history, scores];
    Catalogue { schema: "migration".into(), tables }
}

fn operational_columns() -> String {
    let types = ["varchar25", "varchar10", "smallint", "decimal12.2", "datetime", "bit"];
    let column = |number: usize| format!("column_{number} {}", types[number % types.len()]);
    let columns: Vec<_> = (0..40).map(column).collect();
    format!("app_id int! {}", columns.join(" "))
}

/// A table from `name type name type! …` (`!` for not null). The first columns are its key.
pub(crate) fn table(name: &str, columns: &str, key: usize) -> Table {
    let words: Vec<_> = columns.split_whitespace().collect();
    let column = |words: &[&str]| Column {
        name: words[0].to_owned(),
        sql_type: sql_type(words[1].trim_end_matches('!')),
        nullable: !words[1].ends_with('!'),
        default: None,
        identity: false,
        computed: None,
    };
    Table {
        name: name.to_owned(),
        columns: words.chunks(2).map(column).collect(),
        primary_key: (0..key).collect(),
        unique: vec![],
        foreign_keys: vec![],
        indexes: vec![],
        rows: vec![],
    }
}

/// Adds a reference to the first column of another table.
pub(crate) fn refer(table: &mut Table, column: usize, references: usize, cascade: bool) {
    table.foreign_keys.push(ForeignKey {
        columns: vec![column],
        references,
        referenced_columns: vec![0],
        cascade,
    });
}

fn sql_type(text: &str) -> SqlType {
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let number = |text: &str| text.parse().unwrap();
    match (&text[..digits], &text[digits..]) {
        ("smallint", _) => SqlType::SmallInt,
        ("int", _) => SqlType::Int,
        ("bit", _) => SqlType::Bit,
        ("float", _) => SqlType::Float,
        ("date", _) => SqlType::Date,
        ("datetime", "2") => SqlType::DateTime2(7),
        ("datetime", _) => SqlType::DateTime,
        ("smalldatetime", _) => SqlType::SmallDateTime,
        ("char", n) => SqlType::Char(number(n)),
        ("varchar", n) => SqlType::VarChar(Some(number(n))),
        ("decimal", size) => {
            let (precision, scale) = size.split_once('.').unwrap();
            SqlType::Decimal {
                precision: precision.parse().unwrap(),
                scale: scale.parse().unwrap(),
            }
        }
        other => panic!("type {other:?}"),
    }
}

/// The run's point in time in these tests.
pub(crate) fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 1, 31).unwrap().and_hms_opt(12, 0, 0).unwrap()
}

pub(crate) fn int(number: impl Into<i64>) -> SqlValue {
    SqlValue::Int(number.into())
}

pub(crate) fn text(text: &str) -> SqlValue {
    SqlValue::Text(text.into())
}

/// Writes a batch on a fresh connection and queries every key alone, as the baseline does.
pub(crate) fn write(
    store: &dyn Store,
    writer: &Writer<'_>,
    batch: &Batch,
    metrics: &mut Metrics,
) -> Result<BatchResult> {
    write_with(store, writer, batch, &no_cache(), metrics)
}

/// Writes a batch on a fresh connection.
pub(crate) fn write_with(
    store: &dyn Store,
    writer: &Writer<'_>,
    batch: &Batch,
    cache: &WorkerCache,
    metrics: &mut Metrics,
) -> Result<BatchResult> {
    let pool = Pool::new(store, PoolConfig::Off, &SystemClock);
    writer.write(batch, &mut pool.worker_handle(), cache, metrics)
}

/// Worker state without a cache: every key is queried in the store.
pub(crate) fn no_cache() -> WorkerCache {
    DedupCache::new(CacheConfig::Off).for_worker()
}

/// One contact of a record: its id and the types of its addresses.
pub(crate) type Contact<'a> = (i32, &'a [i64]);

/// A record under a source key: the application, its contacts with their addresses, a pricing row,
/// two history rows.
pub(crate) fn record(key: i32, app_id: i32, contacts: &[Contact<'_>]) -> TypedRecord {
    let mut tables = vec![rows(BASE, vec![base_row(app_id)])];
    if !contacts.is_empty() {
        let contact = |&(con_id, _): &Contact<'_>| contact_row(con_id, app_id);
        tables.push(rows(CONTACT, contacts.iter().map(contact).collect()));
    }
    tables.push(rows(PRICING, vec![pricing_row(app_id)]));
    let addresses: Vec<_> = contacts
        .iter()
        .flat_map(|&(con_id, types)| types.iter().map(move |&kind| address_row(con_id, kind)))
        .collect();
    if !addresses.is_empty() {
        tables.push(rows(ADDRESS, addresses));
    }
    let names = ["[curr_address]", "[prev_address]"];
    tables.push(rows(HISTORY, names.map(|name| history_row(app_id, name)).into()));
    TypedRecord { key, tables }
}

pub(crate) fn rows(table: usize, rows: Vec<SqlRow>) -> TypedRows {
    TypedRows { table, rows }
}

pub(crate) fn base_row(app_id: i32) -> SqlRow {
    [int(app_id), int(CURRENT), int(600), SqlValue::DateTime(now()), SqlValue::Null].into()
}

pub(crate) fn contact_row(con_id: i32, app_id: i32) -> SqlRow {
    [
        int(con_id),
        int(app_id),
        SqlValue::Date(NaiveDate::from_ymd_opt(1970, 2, 3).unwrap()),
        SqlValue::Null,
        text("Anna"),
        text(&format!("Probe{con_id}")),
        text("123456789"),
        SqlValue::Bit(true),
        SqlValue::Null,
    ]
    .into()
}

pub(crate) fn pricing_row(app_id: i32) -> SqlRow {
    [
        int(app_id),
        text("BLANK"),
        int(5000),
        SqlValue::Decimal { units: 4950, scale: 2 },
        SqlValue::Decimal { units: -5, scale: 2 },
        SqlValue::Null,
        text("Y"),
        SqlValue::Float(0.1),
        SqlValue::DateTime(now()),
        SqlValue::DateTime(now()),
    ]
    .into()
}

pub(crate) fn address_row(con_id: i32, kind: i64) -> SqlRow {
    [int(con_id), int(kind), text("MISSING"), text("XX"), text("00000"), int(24)].into()
}

pub(crate) fn history_row(app_id: i32, name: &str) -> SqlRow {
    [
        int(app_id),
        text(name),
        text("[contact]"),
        text(&format!("value of {app_id}")),
        SqlValue::DateTime(now()),
    ]
    .into()
}

/// A record of fifty rows, as many and as wide as production records have.
pub(crate) fn large_record(key: i32) -> TypedRecord {
    let mut record = record(key, key, &[(2 * key, &[10, 11]), (2 * key + 1, &[10, 11])]);
    record.tables.insert(2, rows(OPERATIONAL, vec![operational_row(key)]));
    let employment = |con_id: i32| -> SqlRow {
        let salary = SqlValue::Decimal { units: 432_100, scale: 2 };
        [int(con_id), int(CURRENT), text("Invented Works"), salary, SqlValue::Bit(false)].into()
    };
    record.tables.insert(5, rows(EMPLOYMENT, vec![employment(2 * key), employment(2 * key + 1)]));
    let history = (0..18).map(|number| history_row(key, &format!("[name_{number}]")));
    record.tables[6].rows.extend(history);
    let score = |number: i32| [int(key), text(&format!("SCORE_{number}")), int(600)].into();
    record.tables.push(rows(SCORES, (0..19).map(score).collect()));
    record
}

fn operational_row(app_id: i32) -> SqlRow {
    let value = |number: usize| match number % 6 {
        0 => text("a text of some length"),
        1 => text("CODE"),
        2 => int(160),
        3 => SqlValue::Decimal { units: 123_456, scale: 2 },
        4 if number.is_multiple_of(4) => SqlValue::DateTime(now()),
        4 => SqlValue::Null,
        _ => SqlValue::Bit(true),
    };
    std::iter::once(int(app_id)).chain((0..40).map(value)).collect()
}
