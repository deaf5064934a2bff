//! Mapping of slots to rows by the contract: table dispatch and row building (contract.md 7).

mod contacts;
mod context;
mod lookup;
pub(crate) mod observe;
mod row_context;
mod rows;
mod transform;

use std::cell::OnceCell;
use std::hash::{Hash, Hasher};

use chrono::NaiveDateTime;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

use self::contacts::{ContactChild, ValidContact, children, exact, valid};
use self::context::ContextValues;
use self::lookup::look_up;
use self::observe::{DropReason, MapEvent, MapObserver, NoObserver, Omission, RowSubject};
use self::row_context::{RecordContext, RowContext, integer_or_text};
use self::transform::transform;
use crate::contract::convert::is_blank;
use crate::contract::model::{
    ApplicationPlan, ChildPlan, ContactPlan, Contract, Mapping, Procedure, RowGroup,
};
use crate::record::{Cell, Cells, ParsedRecord, Reject, Row, RowSet, Stage, TableRows, Value};

/// Maps records of one contract. A mapper has no mutable state and serves any number of records.
#[derive(Debug, Clone, Copy)]
pub struct Mapper<'c> {
    contract: &'c Contract,
    now: NaiveDateTime,
}

/// A row under construction.
struct DraftRow {
    row: Row,
    /// For each cell, true if only a default filled it (7.1).
    default_filled: SmallVec<[bool; CELLS_IN_PLACE]>,
}

/// Number of cells whose marks need no allocation.
const CELLS_IN_PLACE: usize = 64;

/// Number of keys that a row gets in addition to its mapped columns.
const KEYS_MAX: usize = 2;

impl DraftRow {
    fn with_capacity(cells: usize) -> Self {
        Self {
            row: Row { cells: Cells::with_capacity(cells) },
            default_filled: SmallVec::with_capacity(cells),
        }
    }

    /// Sets the column of a mapping.
    fn fill(&mut self, mapping: &Mapping, value: Value, default_filled: bool) {
        if mapping.shares_column {
            return self.set(mapping.column, value, default_filled);
        }
        self.row.cells.push(Cell { column: mapping.column, value });
        self.default_filled.push(default_filled);
    }

    fn set(&mut self, column: u16, value: Value, default_filled: bool) {
        if let Some(index) = self.row.cells.iter().position(|cell| cell.column == column) {
            self.row.cells[index].value = value;
            self.default_filled[index] = default_filled;
        } else {
            self.row.cells.push(Cell { column, value });
            self.default_filled.push(default_filled);
        }
    }

    /// True if a column other than the keys holds more than its default (7.2).
    fn has_data(&self, columns: &[String]) -> bool {
        self.row.cells.iter().zip(&self.default_filled).any(|(cell, default_filled)| {
            let name = columns[usize::from(cell.column)].as_str();
            !default_filled && name != "app_id" && name != "con_id"
        })
    }

    /// The row as INSERT statements get it. `''` has counted as data and becomes null here (14.2).
    fn finish(mut self) -> Row {
        for cell in &mut self.row.cells {
            if matches!(&cell.value, Value::Text(text) if text.is_empty()) {
                cell.value = Value::Null;
            }
        }
        self.row
    }

    fn value(&self, column: u16) -> Option<&Value> {
        self.row.cells.iter().find(|cell| cell.column == column).map(|cell| &cell.value)
    }
}

impl<'c> Mapper<'c> {
    /// Creates a mapper. `now` is the current time of the run.
    pub fn new(contract: &'c Contract, now: NaiveDateTime) -> Self {
        Self { contract, now }
    }

    /// Maps one record to the rows of its tables, in the order of insertion.
    ///
    /// # Errors
    /// A reject at `mapping` if no table gets a row.
    pub fn map(&self, record: &ParsedRecord) -> Result<RowSet, Reject> {
        self.map_observed(record, &NoObserver)
    }

    /// Maps one record and reports every event to `observer`.
    ///
    /// # Errors
    /// A reject at `mapping` if no table gets a row.
    pub fn map_observed<O: MapObserver>(
        &self,
        record: &ParsedRecord,
        observer: &O,
    ) -> Result<RowSet, Reject> {
        let (contract, now, last_contacts) = (self.contract, self.now, OnceCell::new());
        let app_id = integer_or_text(&record.app_id);
        let last_of_roles = [OnceCell::new(), OnceCell::new()];
        let cx =
            RecordContext { contract, record, app_id, now, observer, last_of_roles, last_contacts };
        let contacts = valid(cx.contract, record, observer);
        let names = if self.contract.scan.needs_context {
            ContextValues::application(cx.contract, record, &contacts)
        } else {
            ContextValues::empty(cx.contract)
        };
        let mut tables = Vec::with_capacity(self.contract.procedures.len());
        for (table, procedure) in self.contract.procedures.iter().enumerate() {
            cx.emit(MapEvent::Table(table));
            let columns = &self.contract.tables[table].columns;
            let rows = match procedure {
                Procedure::Application(plan) => {
                    cx.application_row(plan, columns, &names).into_iter().collect()
                }
                Procedure::ContactBase(plan) => cx.contact_rows(plan, &contacts),
                Procedure::Children(plan) => cx.child_rows(plan, columns, &contacts),
                Procedure::Rows(groups) => cx.created_rows(table, groups, &names),
            };
            if !rows.is_empty() {
                tables.push(TableRows { table, rows });
            }
        }
        if tables.is_empty() {
            let reason = "no data mapped from the XML".to_owned();
            return Err(Reject { stage: Stage::Mapping, reason });
        }
        Ok(RowSet { key: record.key, tables })
    }
}

impl<'r, O: MapObserver> RecordContext<'r, O> {
    fn build(&self, mappings: &[Mapping], scope: &RowContext<'r, '_>) -> DraftRow {
        let mut draft = DraftRow::with_capacity(mappings.len() + KEYS_MAX);
        for mapping in mappings {
            self.fill(&mut draft, mapping, scope);
        }
        draft
    }

    /// Fills one column (7.1).
    fn fill(&self, draft: &mut DraftRow, mapping: &Mapping, scope: &RowContext<'r, '_>) {
        self.emit(MapEvent::Column(mapping));
        let looked = look_up(self, mapping, scope);
        let was_blank = looked.is_blank();
        let Ok(value) = transform(self, mapping, looked, scope) else {
            return self.emit(MapEvent::Omitted(Omission::Failed));
        };
        if !value.is_null() {
            let is_default = || mapping.default.typed.as_ref().is_some_and(|d| same(d, &value));
            let default_filled = was_blank && is_default();
            self.emit(MapEvent::Set { value: &value, default_filled });
            return draft.fill(mapping, value, default_filled);
        }
        match &mapping.default.raw {
            _ if mapping.nullable => self.emit(MapEvent::Omitted(Omission::Nullable)),
            None => self.emit(MapEvent::Omitted(Omission::NoDefault)),
            Some(default) => {
                self.emit(MapEvent::RawDefault(default));
                draft.fill(mapping, default.clone(), true);
            }
        }
    }

    /// Reports the end of a row.
    fn end_row(&self, dropped: Option<DropReason>) {
        self.emit(dropped.map_or(MapEvent::Kept, MapEvent::Dropped));
    }

    fn application_row(
        &self,
        plan: &ApplicationPlan,
        columns: &[String],
        names: &ContextValues<'r>,
    ) -> Option<Row> {
        self.emit(MapEvent::Row(RowSubject::Application));
        let mut draft = self.build(&plan.mappings, &RowContext::Application(names));
        let dropped = if plan.always_kept {
            draft.row.cells.is_empty().then_some(DropReason::Empty)
        } else {
            (!draft.has_data(columns)).then_some(DropReason::OnlyDefaults)
        };
        self.end_row(dropped);
        draft.set(plan.app_id, self.app_id.clone(), false);
        dropped.is_none().then(|| draft.finish())
    }

    fn contact_rows(&self, plan: &ContactPlan, contacts: &[ValidContact<'r>]) -> Vec<Row> {
        let row = |contact: &ValidContact<'r>| {
            let element = contact.element;
            self.emit(MapEvent::Row(RowSubject::Contact(element)));
            let names = if plan.calculates {
                ContextValues::contact(self.contract, self.record, element)
            } else {
                ContextValues::empty(self.contract)
            };
            let scope = RowContext::Contact { element, names: &names };
            let mut draft = self.build(&plan.mappings, &scope);
            let con_id = exact(self.record, element, &self.contract.contacts.con_id);
            draft.set(plan.con_id, integer_or_text(con_id.unwrap_or_default()), false);
            draft.set(plan.app_id, self.app_id.clone(), false);
            self.end_row(None);
            draft.finish()
        };
        contacts.iter().map(row).collect()
    }

    fn child_rows(
        &self,
        plan: &ChildPlan,
        columns: &[String],
        contacts: &[ValidContact<'r>],
    ) -> Vec<Row> {
        let mut rows: Vec<DraftRow> = Vec::new();
        let mut places: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        let mut names = if plan.calculates {
            ContextValues::blank(self.contract)
        } else {
            ContextValues::empty(self.contract)
        };
        for child in children(self.contract, self.record, contacts, plan.kind, self.observer) {
            if plan.calculates {
                names.become_child(self.record, child.element, child.contact);
            }
            let mut draft = self.child_row(plan, columns, child, &names);
            if let Ok(row) = &draft {
                let alike = places.entry(hash_of(row.value(plan.con_id))).or_default();
                if alike.iter().any(|&place| same_child(plan, &rows[place], row)) {
                    draft = Err(DropReason::Repeated);
                } else {
                    alike.push(rows.len());
                }
            }
            self.end_row(draft.as_ref().err().copied());
            rows.extend(draft);
        }
        rows.into_iter().map(DraftRow::finish).collect()
    }

    fn child_row(
        &self,
        plan: &ChildPlan,
        columns: &[String],
        child: ContactChild,
        names: &ContextValues<'r>,
    ) -> Result<DraftRow, DropReason> {
        self.emit(MapEvent::Row(RowSubject::Child {
            element: child.element,
            contact: child.contact,
        }));
        let mut draft = self.build(&plan.mappings, &RowContext::Child { child, names });
        if !draft.has_data(columns) {
            return Err(DropReason::OnlyDefaults);
        }
        if !self.shows_something(plan, &draft, child.element) {
            return Err(DropReason::BlankChild);
        }
        let con_id = exact(self.record, child.contact, &self.contract.contacts.con_id);
        draft.set(plan.con_id, integer_or_text(con_id.unwrap_or_default()), false);
        Ok(draft)
    }

    /// True if the child is not a blank row (7.3).
    fn shows_something(&self, plan: &ChildPlan, draft: &DraftRow, element: u32) -> bool {
        let in_row =
            plan.presence_columns.iter().any(|witness| match draft.value(witness.column) {
                None | Some(Value::Null) => false,
                Some(Value::Text(text)) => !is_blank(text),
                Some(value) => !(witness.zero_is_blank && is_zero(value)),
            });
        let own = |wanted| exact(self.record, element, wanted);
        let filled = |wanted| own(wanted).is_some_and(|text| !is_blank(text));
        in_row || plan.presence_attributes.iter().any(filled)
    }

    fn created_rows(
        &self,
        table: usize,
        groups: &[RowGroup],
        names: &ContextValues<'r>,
    ) -> Vec<Row> {
        let mut created = Vec::with_capacity(groups.len());
        for group in groups {
            rows::create(self, table, group, names, &mut created);
        }
        created
    }
}

/// True for a repeated child (15.2): equal con_id and type, of which the first row wins. Rows that
/// lack one of the two are not compared.
fn same_child(plan: &ChildPlan, one: &DraftRow, other: &DraftRow) -> bool {
    let pair = |draft: &DraftRow| {
        let kind = draft.value(plan.type_column?)?.clone();
        let con_id = draft.value(plan.con_id)?.clone();
        (!kind.is_null() && !con_id.is_null()).then_some((con_id, kind))
    };
    pair(one).is_some_and(|pair_of_one| pair(other) == Some(pair_of_one))
}

/// Hash that is equal for equal ids. An id is an integer or a text.
fn hash_of(con_id: Option<&Value>) -> u64 {
    let mut hasher = FxHasher::default();
    match con_id {
        Some(Value::Int(number)) => number.hash(&mut hasher),
        Some(Value::Text(text)) => text.hash(&mut hasher),
        Some(Value::BigInt(text)) => text.hash(&mut hasher),
        _ => {}
    }
    hasher.finish()
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number == 0,
        Value::Float(number) => number.abs() < f64::MIN_POSITIVE,
        _ => false,
    }
}

/// Equality as in Python: 1 = 1.0 = true.
fn same(one: &Value, other: &Value) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}
