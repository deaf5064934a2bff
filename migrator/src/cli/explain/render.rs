//! Renders a trace to an explanation: the look-up, each step and the result.

use serde::Serialize;
use serde_json::Value as Json;

use super::messages;
use super::trace::{
    Action, Calculation, ColumnHistory, ColumnOutcome, ColumnTrace, FoundValue, RowAbout, RowTrace,
    StepTrace,
};
use crate::cli::records::json_of;
use crate::contract::case::lower;
use crate::contract::convert::DataType;
use crate::contract::expr::ast_view::{Branch, ExpressionView};
use crate::contract::expr::{Match, SelectedBranch};
use crate::contract::lint::{CompiledMapping, ContractPair};
use crate::contract::model::{Contract, DataLength, Mapping, Procedure, RowKind, Step};
use crate::contract::syntax::{FieldMapping, Spanned, TypeName};
use crate::record::{ParsedRecord, RowSet, Value};
use crate::stage::map::observe::SkipReason;

/// Explanation of one column of a record.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// Name of the record's file.
    pub(super) file: String,
    /// `Request/@ID`.
    pub(super) app_id: String,
    /// `mapped`, or `rejected` if no table gets a row.
    pub(super) status: &'static str,
    /// Name of the table.
    pub(super) table: String,
    /// Name of the column.
    pub(super) column: String,
    /// Mappings that can fill the column.
    pub(super) mappings: Vec<MappingSection>,
    /// Contacts and children without a row.
    pub(super) passed_over: Vec<SkipSection>,
    /// All rows that were begun, in order.
    pub(super) rows: Vec<RowSection>,
    /// Reason why the whole record fails, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}

/// A mapping as written.
#[derive(Debug, Serialize)]
pub(super) struct MappingSection {
    /// Path, e.g. `mappings[12]`.
    pub(super) path: String,
    /// Line in the contract.
    pub(super) line: usize,
    /// Path of the element.
    pub(super) xml_path: String,
    /// Name of the attribute.
    pub(super) xml_attribute: String,
    /// Source of the value.
    pub(super) looked_up: String,
    /// Data type, length, nullability and default.
    pub(super) makes: String,
    /// Mapping types.
    pub(super) mapping_type: Vec<String>,
    /// Expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression: Option<String>,
}

/// A contact or a child without a row.
#[derive(Debug, Serialize)]
pub(super) struct SkipSection {
    /// Name and attributes of the element.
    pub(super) element: String,
    /// Reason.
    pub(super) why: String,
}

/// A row that was begun, kept or dropped.
#[derive(Debug, Serialize)]
pub(super) struct RowSection {
    /// Subject of the row.
    pub(super) about: String,
    /// Number of the row in its table, from 1; `None` if it was dropped.
    pub(super) row: Option<usize>,
    /// Reason why it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dropped: Option<&'static str>,
    /// Evaluated mappings, in order.
    pub(super) columns: Vec<ColumnSection>,
    /// Source of the value, if no mapping gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fixed: Option<&'static str>,
    /// Value of the column; absent if the column is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Json>,
    /// Value in the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stored: Option<String>,
}

/// An evaluated mapping.
#[derive(Debug, Serialize)]
pub(super) struct ColumnSection {
    /// Path, e.g. `mappings[12]`.
    pub(super) mapping: String,
    /// Result of the look-up.
    pub(super) found: String,
    /// Steps in order.
    pub(super) steps: Vec<StepSection>,
    /// Result.
    pub(super) outcome: String,
}

/// A step of a transformation.
#[derive(Debug, Serialize)]
pub(super) struct StepSection {
    /// Mapping type, or the conversion.
    pub(super) step: String,
    /// Input.
    pub(super) input: Json,
    /// Output; null if the step failed.
    pub(super) output: Json,
    /// Further notes.
    pub(super) notes: Vec<String>,
}

/// The column to explain, with its contract and record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'s> {
    /// The contract as written and as compiled.
    pub(super) pair: ContractPair<'s>,
    /// The record.
    pub(super) record: &'s ParsedRecord,
    /// Index of the table in the contract.
    pub(super) table: usize,
    /// Index of the column.
    pub(super) column: u16,
}

impl<'s> Subject<'s> {
    /// Name of the column.
    pub(super) fn column_name(&self) -> &'s str {
        &self.contract().tables[self.table].columns[usize::from(self.column)]
    }

    /// Name of the table.
    pub(super) fn table_name(&self) -> &'s str {
        &self.contract().tables[self.table].name
    }

    fn contract(&self) -> &'s Contract {
        self.pair.contract
    }

    fn element(&self, element: u32) -> String {
        messages::element(self.contract(), self.record, element)
    }

    /// Sections of the mappings that can fill the column.
    pub(super) fn mappings(&self) -> Vec<MappingSection> {
        let own = self.pair.compiled();
        let own = own.iter().filter(|compiled| compiled.table == self.table);
        let fills = |compiled: &&CompiledMapping<'_>| match compiled.makes {
            Some(kind) if !kind.shares_rows() => true,
            _ => compiled.mapping.column == self.column,
        };
        own.filter(fills).map(|compiled| self.mapping_section(compiled)).collect()
    }

    /// Sections of the contacts and children that have no row of the table.
    pub(super) fn passed_over(&self, seen: &ColumnHistory) -> Vec<SkipSection> {
        let all = match &self.contract().procedures[self.table] {
            Procedure::ContactBase(_) => &seen.invalid,
            _ => &seen.passed_over,
        };
        let cause_of = |element: u32, why| {
            let invalid = seen.invalid.iter().find(|(other, _)| *other == element);
            match invalid.filter(|_| why == SkipReason::NoValidContact) {
                Some((_, cause)) => {
                    format!("{}: {}", messages::passed_over(why), messages::passed_over(*cause))
                }
                None => messages::passed_over(why).to_owned(),
            }
        };
        let section = |(element, why): &(u32, SkipReason)| SkipSection {
            element: self.element(*element),
            why: cause_of(*element, *why),
        };
        all.iter().map(section).collect()
    }

    /// Sections of all rows that were begun. `rows` are the kept ones.
    pub(super) fn rows(&self, seen: &ColumnHistory, rows: Option<&RowSet>) -> Vec<RowSection> {
        let own = rows.and_then(|rows| rows.tables.iter().find(|t| t.table == self.table));
        let mut kept = own.map_or(&[][..], |own| &own.rows).iter().enumerate();
        let section = |trace: &RowTrace| {
            let row = if trace.dropped.is_none() { kept.next() } else { None };
            let cell = row.and_then(|(_, row)| row.cells.iter().find(|c| c.column == self.column));
            let columns: Vec<_> =
                trace.columns.iter().map(|c| self.column_section(trace, c)).collect();
            RowSection {
                about: self.about(trace),
                row: row.map(|(index, _)| index + 1),
                dropped: trace.dropped.map(messages::dropped),
                fixed: self.fixed(trace, &columns),
                columns,
                value: cell.map(|cell| json_of(&cell.value)),
                stored: None,
            }
        };
        seen.rows.iter().map(section).collect()
    }

    fn mapping_section(&self, compiled: &CompiledMapping<'_>) -> MappingSection {
        let value = &compiled.written.value;
        MappingSection {
            path: compiled.written.path.clone(),
            line: compiled.written.node.span.line,
            xml_path: value.path().to_owned(),
            xml_attribute: value.attribute().to_owned(),
            looked_up: messages::rule(self.contract(), compiled.mapping),
            makes: makes(compiled.mapping, value),
            mapping_type: value.types.iter().map(TypeName::shown).collect(),
            expression: value.expression.clone(),
        }
    }

    fn about(&self, trace: &RowTrace) -> String {
        match &trace.about {
            RowAbout::Application => "the application".to_owned(),
            RowAbout::Contact(element) => self.element(*element),
            RowAbout::Child(element, contact) => {
                format!("{} of {}", self.element(*element), self.element(*contact))
            }
            RowAbout::Group(kind, parameter) => match parameter {
                Some(parameter) => format!("{}({parameter})", kind.type_name()),
                None => kind.type_name().to_owned(),
            },
        }
    }

    /// In rows with one member, the mapping fills only the column of its value.
    fn fixed(&self, trace: &RowTrace, columns: &[ColumnSection]) -> Option<&'static str> {
        let column = self.column_name();
        match &trace.about {
            RowAbout::Group(kind, _) if !kind.shares_rows() => {
                let is_value = Some(column) == value_column(*kind);
                let is_notes = column == "notes" && columns.len() > 1;
                (!is_value && !is_notes).then(|| messages::fixed(Some(*kind), column))
            }
            RowAbout::Group(kind, _) => {
                columns.is_empty().then(|| messages::fixed(Some(*kind), column))
            }
            // Keys are set last and replace a mapped value.
            _ if self.is_key() => Some(messages::fixed(None, column)),
            _ => None,
        }
    }

    fn is_key(&self) -> bool {
        match &self.contract().procedures[self.table] {
            Procedure::Application(plan) => plan.app_id == self.column,
            Procedure::ContactBase(plan) => {
                plan.app_id == self.column || plan.con_id == self.column
            }
            Procedure::Children(plan) => plan.con_id == self.column,
            Procedure::Rows(_) => false,
        }
    }

    fn column_section(&self, row: &RowTrace, trace: &ColumnTrace) -> ColumnSection {
        let compiled =
            self.pair.compiled().into_iter().find(|own| own.mapping.index == trace.mapping);
        let Some(compiled) = compiled else { return ColumnSection::unknown() };
        let teller = Renderer { subject: self, compiled };
        ColumnSection {
            mapping: compiled.written.path.clone(),
            found: teller.found(trace),
            steps: trace.steps.iter().filter(|s| !s.is_idle()).map(|s| teller.step(s)).collect(),
            outcome: teller.outcome(row, trace),
        }
    }
}

/// Column of the value in rows with one member.
fn value_column(kind: RowKind) -> Option<&'static str> {
    match kind {
        RowKind::Score => Some("score"),
        RowKind::Indicator | RowKind::History | RowKind::ReportLookup => Some("value"),
        RowKind::PolicyException => Some("reason_code"),
        RowKind::Collateral | RowKind::Warranty => None,
    }
}

impl ColumnSection {
    /// Placeholder for a mapping that the contract does not have. Traces never contain one.
    fn unknown() -> Self {
        Self {
            mapping: String::new(),
            found: String::new(),
            steps: Vec::new(),
            outcome: String::new(),
        }
    }
}

fn makes(mapping: &Mapping, written: &FieldMapping) -> String {
    let mut parts = vec![written.data_type.clone().unwrap_or_default()];
    match mapping.length {
        DataLength::Number(length) if mapping.data_type == DataType::Decimal => {
            parts.push(format!("{length} digits"));
        }
        DataLength::Number(length) => parts.push(format!("data_length {length}")),
        DataLength::Unusable => parts.push("unusable data_length".to_owned()),
        DataLength::None => {}
    }
    parts.push(if mapping.nullable { "nullable" } else { "not nullable" }.to_owned());
    parts.push(match &mapping.default.raw {
        Some(default) => format!("default {}", json_of(default)),
        None => "no default".to_owned(),
    });
    parts.join(", ")
}

/// Renders one mapping.
struct Renderer<'t, 's> {
    subject: &'t Subject<'s>,
    compiled: CompiledMapping<'s>,
}

impl Renderer<'_, '_> {
    fn written(&self) -> &Spanned<FieldMapping> {
        self.compiled.written
    }

    fn found(&self, trace: &ColumnTrace) -> String {
        let attribute = self.written().value.attribute();
        let element = trace.picked.map(|element| self.subject.element(element));
        let found = match (&trace.found, element) {
            (FoundValue::Unasked, _) | (FoundValue::Marker, None) => {
                return "nothing is looked up".to_owned();
            }
            (FoundValue::Marker, Some(element)) => return element,
            (FoundValue::Text(text), Some(element)) => {
                format!("{element} has {attribute} = {}", quoted(text))
            }
            (FoundValue::Text(text), None) => format!("{attribute} = {}", quoted(text)),
            (FoundValue::Nothing, Some(element)) => format!("{element} has no {attribute}"),
            (FoundValue::Nothing, None) => "not found".to_owned(),
        };
        match &trace.cut_from {
            Some(whole) if trace.found != FoundValue::Text(whole.clone()) => {
                format!("{found}, cut from {}", quoted(whole))
            }
            _ => found,
        }
    }

    fn step(&self, step: &StepTrace) -> StepSection {
        let json = |value: &Option<Value>| value.as_ref().map_or(Json::Null, json_of);
        let types = &self.written().value.types;
        let name = match step.action {
            Action::Type(index) => types.get(index).map_or_else(String::new, TypeName::shown),
            Action::Original => "the original value".to_owned(),
            Action::EnumSkipped => "enum".to_owned(),
            Action::Default => "default".to_owned(),
            Action::Conversion => self.conversion(),
            Action::FinalText => self.final_text(),
        };
        let mut notes = self.calculated(step.calculation.as_ref());
        if let Some(answer) = step.answer {
            notes.push(messages::answered(answer, name == "enum").to_owned());
        }
        if let Some(element) = step.picked {
            notes.push(format!("from {}", self.subject.element(element)));
        }
        if step.default_taken {
            notes.push("a blank becomes the default".to_owned());
        }
        match step.action {
            Action::EnumSkipped => notes.push("skipped: the calculation gave a value".into()),
            Action::Original => notes.push("the calculation gave null (contract.md 9.2)".into()),
            Action::Default => notes.push("a blank becomes the default (contract.md 9.5)".into()),
            _ if step.made.is_none() => notes.push("fails".to_owned()),
            _ => {}
        }
        StepSection { step: name, input: json(&step.given), output: json(&step.made), notes }
    }

    fn conversion(&self) -> String {
        let data_type = self.written().value.data_type.as_deref().unwrap_or_default();
        let mapping = self.compiled.mapping;
        if mapping.chain.is_empty() && mapping.data_type.is_integer() {
            return format!("first number as {data_type} (contract.md 9.1)");
        }
        format!("conversion to {data_type}")
    }

    fn final_text(&self) -> String {
        match self.compiled.mapping.length {
            DataLength::Number(length) => format!("trimmed, cut to {length}"),
            DataLength::None | DataLength::Unusable => "trimmed".to_owned(),
        }
    }

    /// Fields that an expression used, and the branch that gave its value.
    fn calculated(&self, calculation: Option<&Calculation>) -> Vec<String> {
        let Some(calculation) = calculation else { return Vec::new() };
        let names = &self.subject.pair.contract.names;
        let mut told: Vec<(&str, &Option<String>)> = Vec::new();
        for (name, value) in &calculation.fields {
            let Some(name) = names.get(*name) else { continue };
            let same = |other: &&mut (&str, &Option<String>)| {
                lower(other.0) == lower(&name.text) && other.1 == value
            };
            match told.iter_mut().find(same) {
                // Conditions look up names in lower case, values as written. The exact name is
                // shown.
                Some(other) if name.matching == Match::Exact => other.0 = &name.text,
                Some(_) => {}
                None => told.push((&name.text, value)),
            }
        }
        let note = |(name, value): (&str, &Option<String>)| match value {
            Some(value) => format!("{name} = {}", quoted(value)),
            None => format!("{name} does not exist"),
        };
        told.into_iter()
            .map(note)
            .chain(calculation.selected_branch.map(|t| self.selected_branch(t)))
            .collect()
    }

    fn selected_branch(&self, selected_branch: SelectedBranch) -> String {
        let text = self.written().value.expression.as_deref().unwrap_or_default();
        let ExpressionView::Case { branches, otherwise } = ExpressionView::of(text) else {
            return String::new();
        };
        let condition = |branch: &Branch| branch.condition.clone();
        match selected_branch {
            SelectedBranch::When(index) => {
                let condition = branches.get(index).map(condition).unwrap_or_default();
                format!("WHEN {condition} holds")
            }
            SelectedBranch::Else => {
                let value = otherwise.map(|piece| piece.text).unwrap_or_default();
                format!("no WHEN holds: ELSE {value}")
            }
            SelectedBranch::None => "no WHEN holds, and there is no ELSE".to_owned(),
        }
    }

    fn outcome(&self, row: &RowTrace, trace: &ColumnTrace) -> String {
        let text = match &trace.outcome {
            None => "nothing".to_owned(),
            Some(ColumnOutcome::Set(value, false)) => shown(value),
            Some(ColumnOutcome::Set(value, true)) => {
                format!("{}, which is only the default (contract.md 7.1)", shown(value))
            }
            Some(ColumnOutcome::RawDefault(value)) => {
                format!("{}: the default as written, because the result is null", shown(value))
            }
            Some(ColumnOutcome::Omitted(why)) => messages::omitted(*why).to_owned(),
            Some(ColumnOutcome::DefaultAdded(value)) => {
                format!("{}: the default, because nothing was found", shown(value))
            }
            Some(ColumnOutcome::Member(value)) => self.member(row, value),
        };
        let mut notes = self.calculated(trace.calculation.as_ref());
        notes.extend(trace.answer.map(|answer| messages::answered(answer, false).to_owned()));
        notes.insert(0, text);
        notes.join("; ")
    }

    fn member(&self, row: &RowTrace, value: &Value) -> String {
        let makes_row = row.made_by.contains(&self.compiled.mapping.index);
        match (value, makes_row) {
            (Value::Null, _) => self.no_member(),
            (value, true) => format!("{}, which creates the row", shown(value)),
            (value, false) => format!("{}, which creates no row", shown(value)),
        }
    }

    /// Values that would create the row (contract.md 11).
    fn no_member(&self) -> String {
        let has = |wanted: fn(&Step) -> bool| self.compiled.mapping.chain.iter().any(wanted);
        match self.compiled.makes {
            _ if has(|step| matches!(step, Step::Calculated(_))) => {
                "nothing: the calculation gives null"
            }
            Some(RowKind::Collateral) if has(|step| matches!(step, Step::Digits { .. })) => {
                "nothing: no digits, or blank, null or none"
            }
            Some(RowKind::Score) => "nothing: not a number of its data type",
            Some(RowKind::Indicator) => "nothing: not one of y, yes, true, t, 1",
            _ => "nothing: blank, null or none",
        }
        .to_owned()
    }
}

/// A value as shown in explanations.
pub(super) fn shown(value: &Value) -> String {
    json_of(value).to_string()
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
