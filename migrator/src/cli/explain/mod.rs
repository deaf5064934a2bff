//! `migrator explain`: explains the value of one column by observing the mapper.

mod messages;
mod render;
mod stored;
mod text;
mod trace;

use std::process::ExitCode;

use chrono::{NaiveDateTime, Utc};
use serde_json::{Value as Json, json};

use self::render::{Explanation, Subject};
use self::stored::StoredColumn;
use self::trace::Trace;
use super::{records, resolve};
use crate::cli::args::ExplainArgs;
use crate::cli::display;
use crate::contract::catalogue::{Catalogue, ColumnDefault};
use crate::contract::lint::ContractPair;
use crate::contract::lint::words::nearest;
use crate::contract::model::{Contract, ContractTable};
use crate::error::{Error, Result};
use crate::record::{Reject, RowSet};
use crate::stage::coerce::Coercer;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;

/// Prints the explanation. For a rejected record that is its stage and reason. For an unmapped
/// column it is the table's own value.
pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let (draft, contract) = resolve::read_contract(&args.contract)?;
    let catalogue = resolve::optional_catalogue(&args.contract)?;
    let (table, column) = match find(&contract, &args.column) {
        Ok(found) => found,
        Err(error) => {
            let unmapped = catalogue.as_ref().and_then(|own| unmapped(own, &args.column));
            print_short(&unmapped.ok_or(error)?, args.json);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let bytes = records::read(&args.file)?;
    let file = records::file_name(&args.file);
    let record = match records::parse(bytes, &mut Parser::new(&contract)) {
        Ok(record) => record,
        Err(reject) => {
            print_short(&rejected(&file, &reject), args.json);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let pair = ContractPair { draft: &draft, contract: &contract };
    let subject = Subject { pair, record: &record, table, column };
    let now = Utc::now().naive_utc();
    let explanation = explain(&subject, file, catalogue.as_ref(), now);
    if args.json {
        display::print(&json(&explanation)?);
    } else {
        display::print(&text::text(&explanation, display::width()));
    }
    Ok(ExitCode::SUCCESS)
}

/// An explanation of one sentence.
struct ShortAnswer {
    text: String,
    json: Json,
}

fn print_short(short: &ShortAnswer, as_json: bool) {
    if as_json {
        display::print(&short.json.to_string());
    } else {
        display::print(&textwrap::fill(&short.text, display::width()));
    }
}

fn rejected(file: &str, reject: &Reject) -> ShortAnswer {
    let (stage, reason) = (reject.stage.name(), &reject.reason);
    ShortAnswer {
        text: format!("{file} is rejected at {stage}: {reason}"),
        json: json!({"file": file, "status": "rejected", "stage": stage, "reason": reason}),
    }
}

/// Value that the table gives to an unmapped column.
fn unmapped(catalogue: &Catalogue, name: &str) -> Option<ShortAnswer> {
    let (table, column) = name.split_once('.')?;
    let own = &catalogue.tables[catalogue.table(table)?];
    let own = &own.columns[own.column(column)?];
    let gets = match &own.default {
        _ if own.identity => "the store numbers it".to_owned(),
        _ if own.computed.is_some() => "the store computes it".to_owned(),
        Some(ColumnDefault::Now) => "every row gets the current time of the run".to_owned(),
        Some(ColumnDefault::Constant(text)) => format!("every row gets its default {text:?}"),
        None if own.nullable => "every row has null".to_owned(),
        None => "it is NOT NULL without a default, so every row fails".to_owned(),
    };
    Some(ShortAnswer {
        text: format!("no mapping fills {name}: {gets}"),
        json: json!({"table": table, "column": column, "status": "unmapped", "reason": gets}),
    })
}

fn json(explanation: &Explanation) -> Result<String> {
    serde_json::to_string_pretty(explanation)
        .map_err(|cause| Error::environment(format!("cannot write the explanation: {cause}")))
}

/// Indices of the table and the column in `TABLE.COLUMN`.
fn find(contract: &Contract, name: &str) -> Result<(usize, u16)> {
    let Some((table, column)) = name.split_once('.') else {
        return Err(Error::usage(format!("--column {name}: expected TABLE.COLUMN")));
    };
    let tables: Vec<&str> = contract.tables.iter().map(|table| table.name.as_str()).collect();
    let Some(index) = tables.iter().position(|known| *known == table) else {
        return Err(unknown(&format!("no mapping fills a table {table}"), table, &tables));
    };
    let ContractTable { columns, .. } = &contract.tables[index];
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let place = columns.iter().position(|known| *known == column);
    match place.and_then(|place| u16::try_from(place).ok()) {
        Some(place) => Ok((index, place)),
        None => Err(unknown(&format!("no mapping fills {table}.{column}"), column, &columns)),
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> Error {
    let meant = nearest(word, known.iter().copied());
    Error::usage(match meant {
        Some(meant) => format!("{what}; did you mean {meant}?"),
        None => what.to_owned(),
    })
}

fn explain(
    subject: &Subject<'_>,
    file: String,
    catalogue: Option<&Catalogue>,
    now: NaiveDateTime,
) -> Explanation {
    let trace = Trace::new(subject.pair.contract, subject.table, subject.column);
    let mapper = Mapper::new(subject.pair.contract, now);
    let rows = mapper.map_observed(subject.record, &trace);
    let seen = trace.finish();
    let mut sections = subject.rows(&seen, rows.as_ref().ok());
    let refused = match &rows {
        Err(reject) => Some(format!("{}: {}", reject.stage, reject.reason)),
        Ok(rows) => catalogue.and_then(|catalogue| {
            if let Some(stored) = StoredColumn::new(subject, rows, catalogue, now) {
                stored.add_to(subject, rows, &mut sections);
            }
            refusal(subject.pair.contract, rows, catalogue, now)
        }),
    };
    Explanation {
        file,
        app_id: subject.record.app_id.clone(),
        status: if rows.is_ok() { "mapped" } else { "rejected" },
        table: subject.table_name().to_owned(),
        column: subject.column_name().to_owned(),
        mappings: subject.mappings(),
        passed_over: subject.passed_over(&seen),
        rows: sections,
        refused,
    }
}

/// Reason why the whole record fails, even if it is another column.
fn refusal(
    contract: &Contract,
    rows: &RowSet,
    catalogue: &Catalogue,
    now: NaiveDateTime,
) -> Option<String> {
    let coercer = Coercer::new(&contract.tables, catalogue, now).ok()?;
    let refusal = coercer.coerce(rows).err()?;
    let column = refusal.column.map(|column| format!(".{column}")).unwrap_or_default();
    Some(format!("{}{column}: {}", refusal.table, refusal.reason))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::trace::{ColumnOutcome, ColumnTrace, RowAbout, RowTrace};
    use super::*;
    use crate::contract::loader::text_of;
    use crate::contract::model::Procedure;
    use crate::record::{RawRecord, Row, Value};
    use crate::stage::validate::validate;

    /// Folders that hold a contract and records.
    fn sets() -> [PathBuf; 4] {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        ["explain", "golden/own", "golden/cc", "golden/rl"].map(|set| tests.join(set))
    }

    fn cell(row: &Row, column: u16) -> Option<&Value> {
        row.cells.iter().find(|cell| cell.column == column).map(|cell| &cell.value)
    }

    /// Value of the row according to the trace; `None` if the column was left out.
    fn said(trace: &ColumnTrace) -> Option<Value> {
        match trace.outcome.as_ref().unwrap() {
            ColumnOutcome::Set(value, _)
            | ColumnOutcome::RawDefault(value)
            | ColumnOutcome::Member(value)
            | ColumnOutcome::DefaultAdded(value) => Some(value.clone()),
            ColumnOutcome::Omitted(_) => None,
        }
    }

    /// An empty text goes in as null (contract.md 14.2); a member without a value sets no column.
    fn as_inserted(value: Value, is_member: bool) -> Option<Value> {
        match value {
            Value::Null if is_member => None,
            Value::Text(text) if text.is_empty() => Some(Value::Null),
            value => Some(value),
        }
    }

    /// Compares the explanation of a column with the row; `None` if the explanation has no value.
    fn agrees(subject: &Subject<'_>, trace: &RowTrace, row: &Row) -> Option<bool> {
        let is_member = match &trace.about {
            // The value of a row of one member goes to one of its columns.
            RowAbout::Group(kind, _) if !kind.shares_rows() => return None,
            RowAbout::Group(..) => true,
            _ => false,
        };
        let is_key = matches!(subject.column_name(), "app_id" | "con_id");
        if trace.columns.is_empty() || is_key {
            return None;
        }
        let told = trace.columns.iter().filter_map(said);
        let last = told.filter_map(|value| as_inserted(value, is_member)).next_back();
        Some(last.as_ref() == cell(row, subject.column))
    }

    /// Compares all rows of a column and counts them.
    fn compared(subject: &Subject<'_>, now: NaiveDateTime) -> usize {
        let contract = subject.pair.contract;
        let trace = Trace::new(contract, subject.table, subject.column);
        let rows = Mapper::new(contract, now).map_observed(subject.record, &trace);
        let seen = trace.finish();
        let rows = rows.map(|rows| rows.tables).unwrap_or_default();
        let rows = rows.into_iter().find(|rows| rows.table == subject.table);
        let rows = rows.map(|rows| rows.rows).unwrap_or_default();
        let kept: Vec<&RowTrace> = seen.rows.iter().filter(|row| row.dropped.is_none()).collect();
        assert_eq!(kept.len(), rows.len(), "{}", subject.table_name());
        let pairs = kept.into_iter().zip(&rows);
        let answers: Vec<bool> =
            pairs.filter_map(|(trace, row)| agrees(subject, trace, row)).collect();
        let place = format!("{}.{}", subject.table_name(), subject.column_name());
        assert!(answers.iter().all(|agrees| *agrees), "{place} of {}", subject.record.app_id);
        answers.len()
    }

    #[test]
    fn explanations_agree_with_the_mapped_rows() {
        let now = Utc::now().naive_utc();
        for set in sets() {
            let mut count = 0;
            let text = text_of(&set.join("contract.json")).unwrap();
            let (draft, contract) = Contract::read(&text).unwrap();
            let pair = ContractPair { draft: &draft, contract: &contract };
            let mut parser = Parser::new(&contract);
            let files = records::record_files(&[set.join("records")]).unwrap();
            for (number, file) in files.iter().enumerate() {
                let raw = RawRecord { key: 1, bytes: Some(records::read(file).unwrap()) };
                let record = validate(raw).and_then(|valid| parser.parse(&valid));
                let Ok(record) = record else { continue };
                for (table, own) in contract.tables.iter().enumerate() {
                    for column in 0..own.columns.len() {
                        // Every column of the small sets; of the large ones each in some records.
                        if files.len() > 20 && (column + number) % 40 != 0 {
                            continue;
                        }
                        let column = u16::try_from(column).unwrap();
                        count += compared(&Subject { pair, record: &record, table, column }, now);
                    }
                }
            }
            assert!(count > 20, "{}: only {count} values compared", set.display());
        }
    }

    #[test]
    fn mapping_is_the_same_with_and_without_an_observer() {
        let now = Utc::now().naive_utc();
        let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
        let contract = Contract::load(&set.join("contract.json")).unwrap();
        let mut parser = Parser::new(&contract);
        let mapper = Mapper::new(&contract, now);
        for file in records::record_files(&[set.join("records")]).unwrap() {
            let Ok(record) = records::parse(records::read(&file).unwrap(), &mut parser) else {
                continue;
            };
            for table in 0..contract.tables.len() {
                let trace = Trace::new(&contract, table, 0);
                assert_eq!(mapper.map_observed(&record, &trace), mapper.map(&record));
            }
        }
        assert!(contract.procedures.iter().any(|own| matches!(own, Procedure::Rows(_))));
    }

    #[test]
    fn an_unknown_column_is_rejected_with_a_suggestion() {
        let contract = Contract::embedded().unwrap();
        let cases = [
            ("app_base", "expected TABLE.COLUMN"),
            ("app_bose.app_id", "no mapping fills a table app_bose; did you mean app_base?"),
            (
                "app_base.receive_dote",
                "no mapping fills app_base.receive_dote; did you mean receive_date?",
            ),
            ("app_base.zzz", "no mapping fills app_base.zzz"),
        ];
        for (name, expected) in cases {
            let error = find(&contract, name).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
