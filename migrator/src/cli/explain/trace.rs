//! What happened to one column while a record was mapped, as the mapper told it. Judges nothing.

use std::cell::RefCell;

use crate::contract::expr::{Context, Expression, NameId, SelectedBranch};
use crate::contract::model::{Contract, Mapping, Procedure, RowKind, Step};
use crate::record::Value;
use crate::stage::map::observe::{
    DropReason, KeyMatch, MapEvent, MapObserver, Omission, RowSubject, SkipReason,
};

/// Watches one column of one table.
#[derive(Debug)]
pub(super) struct Trace<'c> {
    contract: &'c Contract,
    table: usize,
    column: u16,
    state: RefCell<TraceState>,
}

#[derive(Debug, Default)]
struct TraceState {
    /// The table in hand; none while contacts are chosen.
    table: Option<usize>,
    /// The mapping in hand.
    current: Option<CurrentMapping>,
    seen: ColumnHistory,
}

/// The mapping in hand.
#[derive(Debug)]
struct CurrentMapping {
    index: usize,
    /// Whether it matters to the column.
    matters: bool,
    expression: Option<Expression>,
}

/// What was seen of the column.
#[derive(Debug, Default)]
pub(super) struct ColumnHistory {
    /// Contacts that are no valid ones, and why (contract.md 6.1).
    pub(super) invalid: Vec<(u32, SkipReason)>,
    /// Contacts and children that the table passes over, and why (contract.md 6.2).
    pub(super) passed_over: Vec<(u32, SkipReason)>,
    /// Every row that was begun.
    pub(super) rows: Vec<RowTrace>,
}

/// A row that was begun.
#[derive(Debug)]
pub(super) struct RowTrace {
    /// What it is about.
    pub(super) about: RowAbout,
    /// The mappings that could fill the column.
    pub(super) columns: Vec<ColumnTrace>,
    /// Indices of the mappings that make the row, where rows are made.
    pub(super) made_by: Vec<usize>,
    /// Why it was dropped.
    pub(super) dropped: Option<DropReason>,
}

/// What a row is about; elements are indices into the parsed record's.
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

/// One mapping at work.
#[derive(Debug, Default)]
pub(super) struct ColumnTrace {
    /// Its index in the contract.
    pub(super) mapping: usize,
    /// The element that the look-up chose.
    pub(super) picked: Option<u32>,
    /// The text that the look-up itself cut.
    pub(super) cut_from: Option<String>,
    /// What the look-up gave.
    pub(super) found: FoundValue,
    /// What was done with it, in order.
    pub(super) steps: Vec<StepTrace>,
    /// How a table of bits answered where rows are made, which have no steps.
    pub(super) answer: Option<KeyMatch>,
    /// What an expression saw where rows are made.
    pub(super) calculation: Option<Calculation>,
    /// What became of it.
    pub(super) outcome: Option<ColumnOutcome>,
}

/// What a look-up gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum FoundValue {
    /// Nothing was looked up.
    #[default]
    Unasked,
    /// Null.
    Nothing,
    /// A text.
    Text(String),
    /// A marker or a list, which is no value.
    Marker,
}

/// Something that was done with a value.
#[derive(Debug)]
pub(super) struct StepTrace {
    /// What.
    pub(super) action: Action,
    /// What it was given; for conversions what came before.
    pub(super) given: Option<Value>,
    /// What it made; nothing where it failed.
    pub(super) made: Option<Value>,
    /// How an enumeration or a table of bits answered.
    pub(super) answer: Option<KeyMatch>,
    /// Whether the default stood in for a blank.
    pub(super) default_taken: bool,
    /// An element that the step looked into.
    pub(super) picked: Option<u32>,
    /// What an expression saw, and the branch that it took.
    pub(super) calculation: Option<Calculation>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A mapping type, by its place in the chain.
    Type(usize),
    /// The original value for an enumeration behind a calculation that gave null.
    Original,
    /// The enumeration behind a calculation that gave a value was passed over.
    EnumSkipped,
    /// The default for a blank, without a mapping type.
    Default,
    /// The conversion to the data type.
    Conversion,
    /// The final step of texts.
    FinalText,
}

/// What an expression saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calculation {
    /// Its fields and their values.
    pub(super) fields: Vec<(NameId, Option<String>)>,
    /// The branch that gave the value.
    pub(super) selected_branch: Option<SelectedBranch>,
}

/// What became of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ColumnOutcome {
    /// The column's value; whether only the default put it there.
    Set(Value, bool),
    /// The default as written.
    RawDefault(Value),
    /// The column is left out.
    Omitted(Omission),
    /// The value of a row-creating type; null where its condition does not hold.
    Member(Value),
    /// A default that a made row gets.
    DefaultAdded(Value),
}

impl<'c> Trace<'c> {
    /// Watches a column of one of the contract's tables.
    pub(super) fn new(contract: &'c Contract, table: usize, column: u16) -> Self {
        Self { contract, table, column, state: RefCell::default() }
    }

    /// What was seen.
    pub(super) fn finish(self) -> ColumnHistory {
        self.state.into_inner().seen
    }

    /// Mappings of rows of one member matter to every column of the row.
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
                self.end(Action::FinalText, value)
            }
            MapEvent::Set { value, default_filled } => {
                self.outcome = Some(ColumnOutcome::Set(value.clone(), default_filled));
            }
            MapEvent::RawDefault(value) => {
                self.outcome = Some(ColumnOutcome::RawDefault(value.clone()))
            }
            MapEvent::Omitted(why) => self.outcome = Some(ColumnOutcome::Omitted(why)),
            MapEvent::Member { value, .. } => {
                self.outcome = Some(ColumnOutcome::Member(value.clone()))
            }
            event => self.detail(event, expression),
        }
    }

    /// What belongs to the step in hand, or to the whole mapping where none is.
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

    /// Types are counted, because steps do not know their names.
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

    /// The value so far.
    fn value(&self) -> Value {
        let made = self.steps.iter().rev().find_map(|step| step.made.clone());
        made.unwrap_or_else(|| match &self.found {
            FoundValue::Text(text) => Value::Text(text.as_str().into()),
            FoundValue::Unasked | FoundValue::Nothing | FoundValue::Marker => Value::Null,
        })
    }
}

impl StepTrace {
    /// Whether the step is a conversion that leaves its value as it is.
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
