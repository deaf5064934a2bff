//! `migrator explain`: how one column of a record came to be, by watching the code that maps.

mod stored;
mod story;
mod text;
mod trace;
mod words;

use std::process::ExitCode;

use chrono::{NaiveDateTime, Utc};
use serde_json::{Value as Json, json};

use self::stored::Stored;
use self::story::{Explanation, Subject};
use self::trace::Trace;
use super::{inputs, records};
use crate::args::ExplainArgs;
use crate::contract::catalogue::{Catalogue, ColumnDefault};
use crate::contract::model::{Contract, ContractTable};
use crate::contract::warn::Pair;
use crate::contract::warn::words::nearest;
use crate::display;
use crate::error::{Error, Result};
use crate::record::{Reject, RowSet};
use crate::stage::coerce::Coercer;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;

/// Prints the explanation. A rejected record is explained by its stage and reason, a column that
/// nothing maps by what the table gives it.
pub fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let (draft, contract) = inputs::read_contract(&args.contract)?;
    let catalogue = inputs::catalogue_if_there(&args.contract)?;
    let (table, column) = match find(&contract, &args.column) {
        Ok(found) => found,
        Err(error) => {
            let unmapped = catalogue.as_ref().and_then(|own| unmapped(own, &args.column));
            tell(&unmapped.ok_or(error)?, args.json);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let bytes = records::read(&args.file)?;
    let file = records::file_name(&args.file);
    let record = match records::parse(bytes, &mut Parser::new(&contract)) {
        Ok(record) => record,
        Err(reject) => {
            tell(&rejected(&file, &reject), args.json);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let pair = Pair { draft: &draft, contract: &contract };
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
struct Short {
    text: String,
    json: Json,
}

fn tell(short: &Short, as_json: bool) {
    if as_json {
        display::print(&short.json.to_string());
    } else {
        display::print(&textwrap::fill(&short.text, display::width()));
    }
}

fn rejected(file: &str, reject: &Reject) -> Short {
    let (stage, reason) = (reject.stage.name(), &reject.reason);
    Short {
        text: format!("{file} is rejected at {stage}: {reason}"),
        json: json!({"file": file, "status": "rejected", "stage": stage, "reason": reason}),
    }
}

/// What a column of the catalogue gets that nothing maps.
fn unmapped(catalogue: &Catalogue, name: &str) -> Option<Short> {
    let (table, column) = name.split_once('.')?;
    let own = &catalogue.tables[catalogue.table(table)?];
    let own = &own.columns[own.column(column)?];
    let gets = match &own.default {
        _ if own.identity => "the store numbers it".to_owned(),
        _ if own.computed.is_some() => "the store computes it".to_owned(),
        Some(ColumnDefault::Now) => "every row gets the time of the run".to_owned(),
        Some(ColumnDefault::Constant(text)) => format!("every row gets its default {text:?}"),
        None if own.nullable => "every row has null".to_owned(),
        None => "it is NOT NULL without a default, so every row fails".to_owned(),
    };
    Some(Short {
        text: format!("nothing maps {name}: {gets}"),
        json: json!({"table": table, "column": column, "status": "unmapped", "reason": gets}),
    })
}

fn json(explanation: &Explanation) -> Result<String> {
    serde_json::to_string_pretty(explanation)
        .map_err(|cause| Error::environment(format!("cannot write the explanation: {cause}")))
}

/// The table and the column that a name means.
fn find(contract: &Contract, name: &str) -> Result<(usize, u16)> {
    let Some((table, column)) = name.split_once('.') else {
        return Err(Error::usage(format!("--column {name}: the form is TABLE.COLUMN")));
    };
    let tables: Vec<&str> = contract.tables.iter().map(|table| table.name.as_str()).collect();
    let Some(index) = tables.iter().position(|known| *known == table) else {
        return Err(unknown(&format!("nothing maps a table {table}"), table, &tables));
    };
    let ContractTable { columns, .. } = &contract.tables[index];
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let place = columns.iter().position(|known| *known == column);
    match place.and_then(|place| u16::try_from(place).ok()) {
        Some(place) => Ok((index, place)),
        None => Err(unknown(&format!("nothing maps {table}.{column}"), column, &columns)),
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> Error {
    let meant = nearest(word, known.iter().copied());
    Error::usage(match meant {
        Some(meant) => format!("{what}; was {meant} meant?"),
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
    let mut stories = subject.rows(&seen, rows.as_ref().ok());
    let refused = match &rows {
        Err(reject) => Some(format!("{}: {}", reject.stage, reject.reason)),
        Ok(rows) => catalogue.and_then(|catalogue| {
            if let Some(stored) = Stored::new(subject, rows, catalogue, now) {
                stored.tell(subject, rows, &mut stories);
            }
            refusal(subject.pair.contract, rows, catalogue, now)
        }),
    };
    Explanation {
        file,
        app_id: subject.record.app_id.clone(),
        table: subject.table_name().to_owned(),
        column: subject.column_name().to_owned(),
        mappings: subject.mappings(),
        passed_over: subject.passed_over(&seen),
        rows: stories,
        refused,
    }
}

/// Why the record as a whole is refused, be it for another column.
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
