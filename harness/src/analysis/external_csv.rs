//! Parser for measurements taken elsewhere: CSV text to complete pairs. Fields are separated by
//! commas, or by semicolons or tabs as spreadsheets write them, with a decimal point or comma.
//! Errors name the line.

use std::collections::BTreeMap;
use std::fmt;

use csv::{ErrorKind, Position, StringRecord, Trim};

use crate::stats::paired::PairOrder;
use crate::stats::scale::RawPair;

/// Required columns, in any order; further columns are ignored.
pub const COLUMNS: [&str; 6] = ["session", "metric", "block", "slot", "arm", "value"];
/// Maximum number of errors reported for a file.
const FAULTS_MAX: usize = 10;

/// One metric of one session: its pairs in block order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredSeries {
    /// Name of the session.
    pub session: String,
    /// Name of the metric.
    pub metric: String,
    /// Pairs; at least one.
    pub pairs: Vec<RunOrder>,
}

/// The two runs of a block, in run order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RunOrder {
    /// Run with the smaller slot.
    pub first: Figure,
    /// Run with the larger slot.
    pub second: Figure,
    /// Arm that ran first.
    pub order: PairOrder,
}

impl RunOrder {
    /// The values alone.
    pub(crate) fn raw(&self) -> RawPair {
        RawPair { first: self.first.value, second: self.second.value, order: self.order }
    }
}

/// A value and its position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    /// Value; finite, of any sign.
    pub value: f64,
    /// Line of the file, from 1.
    pub line: u64,
}

/// Errors of a file, in line order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile(Vec<Fault>);

/// One error and its line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    line: u64,
    text: String,
}

impl Fault {
    fn new(line: u64, text: impl Into<String>) -> Self {
        Self { line, text: text.into() }
    }
}

impl BadFile {
    /// File with one error.
    pub(crate) fn at(line: u64, text: impl Into<String>) -> Self {
        Self(vec![Fault::new(line, text)])
    }
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { line, text }) in self.0.iter().take(FAULTS_MAX).enumerate() {
            let separator = if index > 0 { "\n  " } else { "" };
            write!(f, "{separator}line {line}: {text}")?;
        }
        match self.0.len().saturating_sub(FAULTS_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for BadFile {}

/// A name that may be a number: `2` sorts before `10`, and both before any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    number: Number,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Is(u64),
    Not,
}

impl Name {
    fn of(text: &str) -> Self {
        Self { number: text.parse().map_or(Number::Not, Number::Is), text: text.to_owned() }
    }
}

/// Arm of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arm {
    A,
    B,
}

/// One row of the file.
#[derive(Debug)]
struct Row {
    block: Name,
    slot: u64,
    arm: Arm,
    figure: Figure,
}

/// Rows by session and metric, sorted by name so that row order does not matter.
type Rows = BTreeMap<Name, BTreeMap<Name, Vec<Row>>>;

/// Parses all series of a file, sorted by session and metric.
///
/// `slot` is the position of a run within its pair or its session. Any two different whole numbers
/// do; the smaller one ran first.
pub(crate) fn series(text: &[u8]) -> Result<Vec<MeasuredSeries>, BadFile> {
    let mut faults = Vec::new();
    let rows = rows(text, &mut faults);
    let mut all = Vec::new();
    for (session, metrics) in rows {
        for (metric, rows) in metrics {
            let pairs = pairs(rows, &mut faults);
            let session = session.text.clone();
            all.push(MeasuredSeries { session, metric: metric.text, pairs });
        }
    }
    if all.is_empty() && faults.is_empty() {
        faults.push(Fault::new(1, "there are no measurements"));
    }
    faults.sort();
    if faults.is_empty() { Ok(all) } else { Err(BadFile(faults)) }
}

fn rows(text: &[u8], faults: &mut Vec<Fault>) -> Rows {
    let mut rows = Rows::new();
    let (text, separator) = separated(text);
    let mut reader =
        csv::ReaderBuilder::new().trim(Trim::All).delimiter(separator).from_reader(&text[..]);
    let columns = match reader.headers().map_err(|error| fault(&error, &text)).and_then(columns) {
        Ok(columns) => columns,
        Err(fault) => {
            faults.push(fault);
            return rows;
        }
    };
    let mut records = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => records.push(record),
            Err(error) => faults.push(fault(&error, &text)),
        }
    }
    let value_column = columns[COLUMNS.len() - 1];
    let format = NumberFormat::of(separator, records.iter().filter_map(|r| r.get(value_column)));
    for record in &records {
        match row(record, columns, line_of(record.position(), &text), format) {
            Ok((session, metric, row)) => {
                rows.entry(session).or_default().entry(metric).or_default().push(row);
            }
            Err(fault) => faults.push(fault),
        }
    }
    rows
}

/// The text without Excel's line `sep=;`, which leaves a blank line, and the separator of its
/// fields: what that line says, else the most frequent one of the header.
fn separated(text: &[u8]) -> (Vec<u8>, u8) {
    let mut text = text.to_vec();
    if let [b's', b'e', b'p', b'=', separator @ (b',' | b';' | b'\t'), rest @ ..] = &text[..]
        && matches!(rest, [b'\n' | b'\r', ..])
    {
        let separator = *separator;
        text.drain(..5);
        return (text, separator);
    }
    let header = text.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let count =
        |separator: u8| header.map_or(0, |line| line.split(|byte| *byte == separator).count());
    // Of equals the last one counts.
    let separator = [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator));
    (text, separator.unwrap_or(b','))
}

/// Spelling of the numbers of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberFormat {
    /// `1234.5`, between commas.
    Plain,
    /// `1234.5`, between semicolons or tabs.
    Point,
    /// `1234,5` or `1.234,5`.
    Comma,
}

impl NumberFormat {
    /// Format of these values. A decimal comma in one of them decides for all.
    fn of<'a>(separator: u8, mut values: impl Iterator<Item = &'a str>) -> Self {
        match separator {
            b',' => Self::Plain,
            _ if values.any(|value| value.contains(',')) => Self::Comma,
            _ => Self::Point,
        }
    }

    fn parse(self, value: &str) -> Result<f64, String> {
        let plain = match self {
            Self::Plain if value.contains(',') => {
                return Err(format!(
                    "value {value} has a comma; separate the fields by `;` or tabs if it is a \
                     decimal comma"
                ));
            }
            Self::Plain | Self::Point => value.to_owned(),
            Self::Comma => with_point(value)?,
        };
        match plain.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("value {value} is not a finite number")),
        }
    }
}

/// A number with a decimal comma, and perhaps points between thousands, as Rust writes it.
fn with_point(value: &str) -> Result<String, String> {
    let (whole, fraction) = value.split_once(',').unwrap_or((value, ""));
    let groups: Vec<&str> = whole.trim_start_matches(['+', '-']).split('.').collect();
    let (first, others) = groups.split_first().unwrap_or((&"", &[]));
    let grouped = (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3);
    let has_thousands = grouped && value.contains(',');
    if !others.is_empty() && !has_thousands {
        return Err(format!(
            "value {value} has a decimal point, and other values have a decimal comma"
        ));
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{}{point}{fraction}", whole.replace('.', "")))
}

/// Position of each of [`COLUMNS`] in a record.
fn columns(header: &StringRecord) -> Result<[usize; 6], Fault> {
    let mut places = [0; 6];
    for (name, place) in COLUMNS.iter().zip(&mut places) {
        let mut found = header.iter().enumerate().filter(|(_, title)| title == name);
        *place = match (found.next(), found.next()) {
            (Some((place, _)), None) => place,
            (None, _) => {
                let columns = COLUMNS.join(",");
                let text = format!("column {name} is missing from the header, which is {columns}");
                return Err(Fault::new(1, text));
            }
            (Some(_), Some(_)) => {
                return Err(Fault::new(1, format!("column {name} is there twice")));
            }
        };
    }
    Ok(places)
}

/// Line on which a record starts. The reader reports where it began to look for one, which can be a
/// blank line before it.
fn line_of(place: Option<&Position>, text: &[u8]) -> u64 {
    let Some(place) = place else { return 0 };
    let start = usize::try_from(place.byte()).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    place.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn row(
    record: &StringRecord,
    columns: [usize; 6],
    line: u64,
    format: NumberFormat,
) -> Result<(Name, Name, Row), Fault> {
    let mut fields = [""; 6];
    for ((field, place), name) in fields.iter_mut().zip(columns).zip(COLUMNS) {
        *field = record.get(place).unwrap_or_default();
        if field.is_empty() {
            return Err(Fault::new(line, format!("{name} is missing")));
        }
    }
    let [session, metric, block, slot, arm, value] = fields;
    let row = Row {
        block: Name::of(block),
        slot: slot
            .parse()
            .map_err(|_| Fault::new(line, format!("slot {slot} is not a whole number from 0")))?,
        arm: match arm {
            "A" => Arm::A,
            "B" => Arm::B,
            _ => return Err(Fault::new(line, format!("arm {arm} is neither A nor B"))),
        },
        figure: Figure { value: format.parse(value).map_err(|text| Fault::new(line, text))?, line },
    };
    Ok((Name::of(session), Name::of(metric), row))
}

fn fault(error: &csv::Error, text: &[u8]) -> Fault {
    let line = line_of(error.position(), text);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Fault::new(line, format!("there are {len} fields, the header has {expected_len}"))
        }
        ErrorKind::Utf8 { .. } => Fault::new(line, "the text is not UTF-8"),
        _ => Fault::new(line, error.to_string()),
    }
}

/// Groups rows of one metric of one session into blocks.
fn pairs(mut rows: Vec<Row>, faults: &mut Vec<Fault>) -> Vec<RunOrder> {
    rows.sort_by(|a, b| (&a.block, a.slot, a.figure.line).cmp(&(&b.block, b.slot, b.figure.line)));
    let mut pairs = Vec::with_capacity(rows.len() / 2);
    for block in rows.chunk_by(|a, b| a.block == b.block) {
        match pair(block) {
            Ok(pair) => pairs.push(pair),
            Err(fault) => faults.push(fault),
        }
    }
    pairs
}

/// Pair of the runs of one block, ordered by slot.
fn pair(block: &[Row]) -> Result<RunOrder, Fault> {
    let fault = |text: &str| {
        let line = block.iter().map(|row| row.figure.line).max().unwrap_or(0);
        let name = block.first().map_or("", |row| &row.block.text);
        Err(Fault::new(line, format!("block {name} is not a pair: {text}")))
    };
    let [first, second] = block else {
        return fault(&format!("it has {} of the two runs of this metric", block.len()));
    };
    let order = match (first.arm, second.arm) {
        (Arm::A, Arm::B) => PairOrder::Ab,
        (Arm::B, Arm::A) => PairOrder::Ba,
        (arm, _) => return fault(&format!("both its runs are of arm {arm:?}")),
    };
    if first.slot == second.slot {
        return fault(&format!("both its runs have slot {}", first.slot));
    }
    Ok(RunOrder { first: first.figure, second: second.figure, order })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "session,metric,block,slot,arm,value\n";

    fn read(text: &str) -> Result<Vec<MeasuredSeries>, String> {
        series(text.as_bytes()).map_err(|bad| bad.to_string())
    }

    fn with_header(rows: &str) -> Result<Vec<MeasuredSeries>, String> {
        read(&format!("{HEADER}{rows}"))
    }

    #[test]
    fn the_smaller_slot_ran_first_for_any_numbering() {
        for (rows, order) in [
            ("s,m,1,0,A,10\ns,m,1,1,B,20\n", PairOrder::Ab),
            ("s,m,1,1,A,10\ns,m,1,2,B,20\n", PairOrder::Ab),
            ("s,m,1,0,B,20\ns,m,1,1,A,10\n", PairOrder::Ba),
            ("s,m,1,18,A,10\ns,m,1,17,B,20\n", PairOrder::Ba),
        ] {
            let pair = with_header(rows).unwrap()[0].pairs[0];
            assert_eq!(pair.order, order, "{rows}");
            assert_eq!(pair.first.value < pair.second.value, order == PairOrder::Ab, "{rows}");
        }
    }

    #[test]
    fn the_order_of_rows_and_columns_does_not_matter() {
        let there = with_header("s,m,2,0,A,1\ns,m,2,1,B,2\ns,m,10,0,B,3\ns,m,10,1,A,4\n").unwrap();
        let back = read(
            "host, value, arm, slot, block, metric, session\n\
             x, 4, A, 1, 10, m, s\nx, 2, B, 1, 2, m, s\n\
             x, 3, B, 0, 10, m, s\nx, 1, A, 0, 2, m, s\n",
        );
        let values = |series: &[MeasuredSeries]| -> Vec<[f64; 2]> {
            let pairs = series.iter().flat_map(|series| &series.pairs);
            pairs.map(|pair| [pair.first.value, pair.second.value]).collect()
        };
        assert_eq!(values(&there), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(values(&back.unwrap()), values(&there));
    }

    #[test]
    fn sessions_and_metrics_come_in_the_order_of_numbers_then_names() {
        let row = |session: &str, metric: &str| {
            format!("{session},{metric},1,0,A,1\n{session},{metric},1,1,B,1\n")
        };
        let rows = [("b", "m"), ("10", "z"), ("10", "a"), ("a", "m"), ("9", "m")];
        let rows: String = rows.iter().map(|(session, metric)| row(session, metric)).collect();
        let series = with_header(&rows).unwrap();
        let names: Vec<_> =
            series.iter().map(|s| (s.session.as_str(), s.metric.as_str())).collect();
        assert_eq!(names, [("9", "m"), ("10", "a"), ("10", "z"), ("a", "m"), ("b", "m")]);
    }

    #[test]
    fn an_invalid_file_is_rejected_with_line_and_reason() {
        let pair = "s,m,1,0,A,1\ns,m,1,1,B,1\n";
        for (rows, expected) in [
            ("", "line 1: there are no measurements"),
            ("s,m,1,0,C,1\n", "line 2: arm C is neither A nor B"),
            ("s,m,1,0,a,1\n", "line 2: arm a is neither A nor B"),
            ("s,m,1,,A,1\n", "line 2: slot is missing"),
            ("s,m,1,first,A,1\n", "line 2: slot first is not a whole number from 0"),
            ("s,m,1,0,A,fast\n", "line 2: value fast is not a finite number"),
            ("s,m,1,0,A,NaN\n", "line 2: value NaN is not a finite number"),
            ("s,m,1,0,A\n", "line 2: there are 5 fields, the header has 6"),
            (
                "s,m,1,0,A,1\n",
                "line 2: block 1 is not a pair: it has 1 of the two runs of this metric",
            ),
            (
                "s,m,1,0,A,1\ns,m,1,1,B,1\ns,m,1,2,A,1\n",
                "line 4: block 1 is not a pair: it has 3 of the two runs of this metric",
            ),
            (
                "s,m,x,0,B,1\ns,m,x,1,B,1\n",
                "line 3: block x is not a pair: both its runs are of arm B",
            ),
            (
                "s,m,1,0,A,1\ns,m,1,0,B,1\n",
                "line 3: block 1 is not a pair: both its runs have slot 0",
            ),
        ] {
            assert_eq!(with_header(rows).unwrap_err(), expected);
            let later = with_header(&format!("{pair}\n{}", rows.replace(",m,", ",n,")));
            assert_eq!(later.is_err(), !rows.is_empty(), "{rows}");
        }
    }

    #[test]
    fn line_numbers_are_those_of_an_editor() {
        let bad = "s,m,1,0,C,1";
        for (text, line) in [
            (format!("{HEADER}{bad}\n"), 2),
            (format!("{HEADER}\n\n{bad}\n"), 4),
            (format!("{HEADER}{bad}\n").replace('\n', "\r\n"), 2),
            (format!("{HEADER}\"s\ns\",m,1,0,B,1\n{bad}\n"), 4),
            (format!("{HEADER}\n{bad}\n").replace('\n', "\r\n"), 3),
        ] {
            let expected = format!("line {line}: arm C is neither A nor B");
            assert!(read(&text).unwrap_err().contains(&expected), "{text:?}");
        }
    }

    #[test]
    fn a_short_line_after_blank_ones_is_named_by_its_own_number() {
        let bad = with_header("s,m,1,0,A,1\n\n\ns,m,1\n").unwrap_err();
        assert!(bad.contains("line 5: there are 3 fields, the header has 6"), "{bad}");
    }

    #[test]
    fn an_invalid_header_is_rejected() {
        let missing = read("session,metric,block,arm,value\n").unwrap_err();
        assert_eq!(
            missing,
            "line 1: column slot is missing from the header, which is \
             session,metric,block,slot,arm,value"
        );
        let twice = read("session,metric,block,slot,arm,value,arm\n").unwrap_err();
        assert_eq!(twice, "line 1: column arm is there twice");
        assert!(read("").is_err());
    }

    #[test]
    fn input_that_is_not_utf_8_is_rejected() {
        let mut bytes = HEADER.as_bytes().to_vec();
        bytes.extend_from_slice(b"s,m,1,0,A,\xff\n");
        let bad = series(&bytes).unwrap_err().to_string();
        assert_eq!(bad, "line 2: the text is not UTF-8");
    }

    #[test]
    fn the_first_ten_errors_are_named_and_the_others_counted() {
        let text = with_header(&"s,m,1,0,C,1\n".repeat(25)).unwrap_err();
        assert_eq!(text.lines().count(), 11);
        assert!(text.ends_with("and 15 more"), "{text}");
    }

    #[test]
    fn spreadsheets_separate_by_semicolons_or_tabs_and_write_decimal_commas() {
        let plain = with_header("s,m,1,0,A,1234.5\ns,m,1,1,B,-0.25\n").unwrap();
        let as_sheet = |separator: &str, values: [&str; 2]| {
            let [a, b] = values;
            let rows = format!("{HEADER}s,m,1,0,A,{a}\ns,m,1,1,B,{b}\n");
            rows.replace(',', separator).replace('~', ",")
        };
        for separator in [";", "\t"] {
            for values in [["1234~5", "-0~25"], ["1.234~5", "-0~25"], ["1234.5", "-0.25"]] {
                let text = as_sheet(separator, values);
                assert_eq!(read(&text).unwrap(), plain, "{text}");
                // Excel's first line, and columns without a title.
                let excel = format!("sep={separator}\r\n{}", text.replace('\n', "\r\n"));
                let values = |series: &[MeasuredSeries]| series[0].pairs[0].raw();
                assert_eq!(values(&read(&excel).unwrap()), values(&plain));
                let wider = text.replace('\n', &format!("{separator}{separator}\n"));
                assert_eq!(read(&wider).unwrap(), plain);
            }
        }
    }

    #[test]
    fn a_number_that_could_mean_two_things_is_refused_with_its_line() {
        let sheet = |a: &str, b: &str| {
            let rows = format!("{HEADER}s,m,1,0,A,@\ns,m,1,1,B,#\n").replace(',', ";");
            let errors = read(&rows.replace('@', a).replace('#', b)).unwrap_err();
            // The other run of the pair is then alone, which is another error.
            errors.lines().last().unwrap().trim().to_owned()
        };
        let mixed =
            "line 3: value 1.234 has a decimal point, and other values have a decimal comma";
        assert_eq!(sheet("1,5", "1.234"), mixed);
        assert!(sheet("1,5", "12.34,5").contains("line 3: value 12.34,5 has a decimal point"));
        assert_eq!(sheet("1,5", "1,2,3"), "line 3: value 1,2,3 is not a finite number");
        assert_eq!(sheet("1,5", ","), "line 3: value , is not a finite number");
        let quoted = with_header("s,m,1,0,A,\"100,1\"\ns,m,1,1,B,2\n").unwrap_err();
        assert!(quoted.contains("line 2: value 100,1 has a comma; separate"), "{quoted}");
        // A line of its own keeps the numbers of the others.
        let excel = read("sep=;\nsession;metric;block;slot;arm;value\ns;m;1;0;C;1\n").unwrap_err();
        assert_eq!(excel, "line 3: arm C is neither A nor B");
    }
}
