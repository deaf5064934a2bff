//! Trace of one column: collects the mapper's events.

use std::cell::RefCell;

use crate::contract::expr::{Context, Expression, NameId, SelectedBranch};
use crate::contract::model::{Contract, Mapping, Procedure, RowKind, Step};
use crate::record::Value;
use crate::stage::map::observe::{
    DropReason, KeyMatch, MapEvent, MapObserver, Omission, RowSubject, SkipReason,
};

/// Observes one column of one table.
#[derive(Debug)]
pub(super) struct Trace<'c> {
    contract: &'c Contract,
    table: usize,
    column: u16,
    state: RefCell<TraceState>,
}

#[derive(Debug, Default)]
struct TraceState {
    /// Current table; `None` while contacts are selected.
    table: Option<usize>,
    /// Current mapping.
    current: Option<CurrentMapping>,
    seen: ColumnHistory,
}

/// A mapping that is being evaluated.
#[derive(Debug)]
struct CurrentMapping {
    index: usize,
    /// True if it affects the column.
    matters: bool,
    expression: Option<Expression>,
}

/// Events that concern the column.
#[derive(Debug, Default)]
pub(super) struct ColumnHistory {
    /// Contacts that are not valid, with the reason (contract.md 6.1).
    pub(super) invalid: Vec<(u32, SkipReason)>,
    /// Contacts and children without a row in the table, with the reason (contract.md 6.2).
    pub(super) passed_over: Vec<(u32, SkipReason)>,
    /// All rows that were begun.
    pub(super) rows: Vec<RowTrace>,
}

/// A row that was begun.
#[derive(Debug)]
pub(super) struct RowTrace {
    /// Subject of the row.
    pub(super) about: RowAbout,
    /// Mappings that could fill the column.
    pub(super) columns: Vec<ColumnTrace>,
    /// Indices of the mappings that create the row, for row-creating types.
    pub(super) made_by: Vec<usize>,
    /// Reason why it was dropped.
    pub(super) dropped: Option<DropReason>,
}

/// Subject of a row. Elements are indices into the parsed record's elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowAbout {
    /// The application.
    Application,
    /// A contact.
    Contact(u32),
    /// A child and its contact.
    Child(u32, u32),
    /// Row-creating mappings, with the parameter of their type.
    Group(RowKind, Option<String>),
}

/// An evaluated mapping.
#[derive(Debug, Default)]
pub(super) struct ColumnTrace {
    /// Index in the contract.
    pub(super) mapping: usize,
    /// Element that the look-up selected.
    pub(super) picked: Option<u32>,
    /// Text before the look-up cut it.
    pub(super) cut_from: Option<String>,
    /// Result of the look-up.
    pub(super) found: FoundValue,
    /// Steps in order.
    pub(super) steps: Vec<StepTrace>,
    /// Result of a bit table, for row-creating types, which have no steps.
    pub(super) answer: Option<KeyMatch>,
    /// Context of an expression, for row-creating types.
    pub(super) calculation: Option<Calculation>,
    /// Result.
    pub(super) outcome: Option<ColumnOutcome>,
}

/// Result of a look-up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum FoundValue {
    /// Nothing was looked up.
    #[default]
    Unasked,
    /// Null.
    Nothing,
    /// A text.
    Text(String),
    /// A marker or a list, which is not a value.
    Marker,
}

/// A step of a transformation.
#[derive(Debug)]
pub(super) struct StepTrace {
    /// Kind of step.
    pub(super) action: Action,
    /// Input; for conversions the previous value.
    pub(super) given: Option<Value>,
    /// Output; `None` if the step failed.
    pub(super) made: Option<Value>,
    /// Result of an enumeration or a bit table.
    pub(super) answer: Option<KeyMatch>,
    /// True if the default replaced a blank.
    pub(super) default_taken: bool,
    /// Element that the step looked into.
    pub(super) picked: Option<u32>,
    /// Context of an expression and the selected branch.
    pub(super) calculation: Option<Calculation>,
}

/// Kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A mapping type, by its index in the chain.
    Type(usize),
    /// The original value, for an enumeration after a calculation that gave null.
    Original,
    /// The enumeration after a calculation that gave a value was skipped.
    EnumSkipped,
    /// The default for a blank, without a mapping type.
    Default,
    /// The conversion to the data type.
    Conversion,
    /// The final step of texts.
    FinalText,
}

/// Evaluation of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calculation {
    /// Fields and their values.
    pub(super) fields: Vec<(NameId, Option<String>)>,
    /// Branch that gave the value.
    pub(super) selected_branch: Option<SelectedBranch>,
}

/// Result of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ColumnOutcome {
    /// Value of the column, and true if only the default filled it.
    Set(Value, bool),
    /// The default as written.
    RawDefault(Value),
    /// The column is left out.
    Omitted(Omission),
    /// Value of a row-creating type; null if the row's condition does not hold.
    Member(Value),
    /// Default that a created row gets.
    DefaultAdded(Value),
}

impl<'c> Trace<'c> {
    /// Creates the trace of a column of one of the contract's tables.
    pub(super) fn new(contract: &'c Contract, table: usize, column: u16) -> Self {
        Self { contract, table, column, state: RefCell::default() }
    }

    /// Returns the collected events.
    pub(super) fn finish(self) -> ColumnHistory {
        self.state.into_inner().seen
    }

    /// In rows with one member, the mapping affects every column.
    fn matters(&self, mapping: &Mapping) -> bool {
        let one_member = match &self.contract.procedures[self.table] {
            Procedure::Rows(groups) => groups.iter().any(|group| !group.kind.shares_rows()),
            _ => false,
        };
        one_member || mapping.column == self.column
    }
}

impl MapObserver for Trace<'_> {
    fn on_event(&self, event: MapEvent<'_>) {
        let mut state = self.state.borrow_mut();
        if let MapEvent::Table(index) = event {
            state.table = Some(index);
        }
        if state.table.is_some_and(|table| table != self.table) {
            return;
        }
        match event {
            MapEvent::Skipped { element, why } if state.table.is_none() => {
                state.seen.invalid.push((element, why));
            }
            MapEvent::Skipped { element, why } => state.seen.passed_over.push((element, why)),
            MapEvent::Row(origin) => state.seen.rows.push(RowTrace::new(origin)),
            MapEvent::Column(mapping) => {
                let matters = self.matters(mapping);
                state.current = Some(CurrentMapping::new(mapping, matters));
                if matters && let Some(row) = state.seen.rows.last_mut() {
                    row.columns
                        .push(ColumnTrace { mapping: mapping.index, ..ColumnTrace::default() });
                }
            }
            MapEvent::DefaultAdded(mapping, value) if self.matters(mapping) => {
                state.seen.default_added(mapping.index, value);
            }
            event => state.inside_of_row(event),
        }
    }
}

impl CurrentMapping {
    fn new(mapping: &Mapping, matters: bool) -> Self {
        let expression = mapping.chain.iter().find_map(|step| match step {
            Step::Calculated(expression) => expression.clone(),
            _ => None,
        });
        Self { index: mapping.index, matters, expression }
    }
}

impl ColumnHistory {
    fn default_added(&mut self, mapping: usize, value: &Value) {
        let columns = self.rows.last_mut().map(|row| row.columns.iter_mut());
        let own = columns.into_iter().flatten().find(|column| column.mapping == mapping);
        if let Some(own) = own {
            own.outcome = Some(ColumnOutcome::DefaultAdded(value.clone()));
        }
    }
}

impl TraceState {
    fn inside_of_row(&mut self, event: MapEvent<'_>) {
        let (Some(row), Some(current)) = (self.seen.rows.last_mut(), &self.current) else { return };
        match event {
            MapEvent::Dropped(why) => row.dropped = Some(why),
            MapEvent::Member { makes_row: true, .. } => row.made_by.push(current.index),
            _ => {}
        }
        if current.matters
            && let Some(column) = row.columns.last_mut()
        {
            column.on_event(event, current.expression.as_ref());
        }
    }
}

impl RowTrace {
    fn new(origin: RowSubject<'_>) -> Self {
        let about = match origin {
            RowSubject::Application => RowAbout::Application,
            RowSubject::Contact(element) => RowAbout::Contact(element),
            RowSubject::Child { element, contact } => RowAbout::Child(element, contact),
            RowSubject::Group(group) => {
                RowAbout::Group(group.kind, group.parameter.as_deref().map(str::to_owned))
            }
        };
        Self { about, columns: Vec::new(), made_by: Vec::new(), dropped: None }
    }
}

impl ColumnTrace {
    fn on_event(&mut self, event: MapEvent<'_>, expression: Option<&Expression>) {
        match event {
            MapEvent::CutWhenFound(text) => self.cut_from = Some(text.to_owned()),
            MapEvent::Found(None) => self.found = FoundValue::Nothing,
            MapEvent::Found(Some(text)) => self.found = FoundValue::Text(text.to_owned()),
            MapEvent::FoundMarker => self.found = FoundValue::Marker,
            MapEvent::Given(step, value) => self.begin(self.action(step), Some(value.clone())),
            MapEvent::EnumSkipped => self.begin(Action::EnumSkipped, None),
            MapEvent::Made(value) => {
                if let Some(step) = self.steps.last_mut() {
                    step.made = Some(value.clone());
                }
            }
            MapEvent::Converted(value) => self.end(Action::Conversion, value),
            MapEvent::Finished(value) if *value != self.value() => {
                self.end(Action::FinalText, value);
            }
            MapEvent::Set { value, default_filled } => {
                self.outcome = Some(ColumnOutcome::Set(value.clone(), default_filled));
            }
            MapEvent::RawDefault(value) => {
                self.outcome = Some(ColumnOutcome::RawDefault(value.clone()));
            }
            MapEvent::Omitted(why) => self.outcome = Some(ColumnOutcome::Omitted(why)),
            MapEvent::Member { value, .. } => {
                self.outcome = Some(ColumnOutcome::Member(value.clone()));
            }
            event => self.detail(event, expression),
        }
    }

    /// Adds a detail to the current step, or to the mapping if there is none.
    fn detail(&mut self, event: MapEvent<'_>, expression: Option<&Expression>) {
        let step = self.steps.last_mut().filter(|step| step.made.is_none());
        match (event, step) {
            (MapEvent::Picked(element), Some(step)) => step.picked = Some(element),
            (MapEvent::Picked(element), None) => self.picked = Some(element),
            (MapEvent::Answered(answer), Some(step)) => step.answer = Some(answer),
            (MapEvent::Answered(answer), None) => self.answer = Some(answer),
            (MapEvent::DefaultTaken(_), Some(step)) => step.default_taken = true,
            (MapEvent::DefaultTaken(default), None) => self.end(Action::Default, default),
            (MapEvent::Calculating(context), step) => {
                let calculation = expression.map(|own| Calculation::of(own, context));
                match step {
                    Some(step) => step.calculation = calculation,
                    None => self.calculation = calculation,
                }
            }
            _ => {}
        }
    }

    /// Steps have no names, so they are counted.
    fn action(&self, step: &Step) -> Action {
        if matches!(step, Step::OriginalIfNull { .. }) {
            return Action::Original;
        }
        let is_type =
            |step: &&StepTrace| matches!(step.action, Action::Type(_) | Action::EnumSkipped);
        Action::Type(self.steps.iter().filter(is_type).count())
    }

    fn begin(&mut self, action: Action, given: Option<Value>) {
        self.steps.push(StepTrace {
            action,
            given,
            made: None,
            answer: None,
            default_taken: false,
            picked: None,
            calculation: None,
        });
    }

    fn end(&mut self, action: Action, made: &Value) {
        self.begin(action, Some(self.value()));
        if let Some(step) = self.steps.last_mut() {
            step.made = Some(made.clone());
        }
    }

    /// Current value.
    fn value(&self) -> Value {
        let made = self.steps.iter().rev().find_map(|step| step.made.clone());
        made.unwrap_or_else(|| match &self.found {
            FoundValue::Text(text) => Value::Text(text.as_str().into()),
            FoundValue::Unasked | FoundValue::Nothing | FoundValue::Marker => Value::Null,
        })
    }
}

impl StepTrace {
    /// True if the step is a conversion that does not change its value.
    pub(super) fn is_idle(&self) -> bool {
        self.action == Action::Conversion && self.given == self.made
    }
}

impl Calculation {
    fn of(expression: &Expression, context: &dyn Context) -> Self {
        let field = |name: NameId| (name, context.get(name).map(str::to_owned));
        Self {
            fields: expression.fields().into_iter().map(field).collect(),
            selected_branch: expression.selected_branch(&context),
        }
    }
}
