//! Context of look-ups and expressions: the record, the contract and the current row.

use std::borrow::Cow;

use std::cell::OnceCell;

use chrono::NaiveDateTime;
use rustc_hash::FxHashMap;

use super::contacts::{ContactChild, exact, last_by_con_id};
use super::context::ContextValues;
use super::observe::{MapEvent, MapObserver};
use crate::contract::convert::integer_if_digits;
use crate::contract::expr::{Context, NameId};
use crate::contract::model::Contract;
use crate::record::{ParsedRecord, Value};

/// Context of a record's mapping.
pub(super) struct RecordContext<'r, O> {
    pub(super) contract: &'r Contract,
    pub(super) record: &'r ParsedRecord,
    /// Id of the application, as rows hold it.
    pub(super) app_id: Value,
    pub(super) now: NaiveDateTime,
    pub(super) observer: &'r O,
    /// Last contact of each role; cached on first use.
    pub(super) last_of_roles: [OnceCell<Option<u32>>; 2],
    /// See [`RecordContext::last_contact`].
    pub(super) last_contacts: OnceCell<FxHashMap<&'r str, u32>>,
}

impl<O> RecordContext<'_, O> {
    /// Last element named `contact` with this con_id as written; cached per record.
    pub(super) fn last_contact(&self, con_id: &str) -> Option<u32> {
        let last = || last_by_con_id(self.contract, self.record);
        self.last_contacts.get_or_init(last).get(con_id).copied()
    }
}

impl<O: MapObserver> RecordContext<'_, O> {
    /// Sends an event to the observer.
    #[inline]
    pub(super) fn emit(&self, event: MapEvent<'_>) {
        self.observer.on_event(event);
    }
}

/// Context of a row's look-ups and expressions.
pub(super) enum RowContext<'r, 'n> {
    /// Expression context of the application; empty for tables that calculate nothing.
    Application(&'n ContextValues<'r>),
    /// A contact's own row.
    Contact { element: u32, names: &'n ContextValues<'r> },
    /// A child's row.
    Child { child: ContactChild, names: &'n ContextValues<'r> },
}

impl<'r> RowContext<'r, '_> {
    /// Expression context.
    pub(super) fn names(&self) -> &ContextValues<'r> {
        match self {
            Self::Application(names) | Self::Contact { names, .. } | Self::Child { names, .. } => {
                names
            }
        }
    }

    /// Element whose attributes rule 4 reads.
    pub(super) fn element(&self) -> Option<u32> {
        match self {
            Self::Application(_) => None,
            Self::Contact { element, .. } => Some(*element),
            Self::Child { child, .. } => Some(child.element),
        }
    }

    /// con_id of the context: a child's own attribute hides its contact's (13).
    pub(super) fn con_id<O>(
        &self,
        cx: &RecordContext<'r, O>,
        name: NameId,
    ) -> Option<Cow<'r, str>> {
        let own = |element| exact(cx.record, element, &cx.contract.contacts.con_id);
        match self {
            Self::Application(names) => names.get(name).map(|text| Cow::Owned(text.to_owned())),
            Self::Contact { element, .. } => own(*element).map(Cow::Borrowed),
            Self::Child { child, .. } => {
                own(child.element).or_else(|| own(child.contact)).map(Cow::Borrowed)
            }
        }
    }
}

/// Converts an id: an integer if it is all digits, otherwise the text (7).
pub(super) fn integer_or_text(id: &str) -> Value {
    integer_if_digits(id).unwrap_or_else(|| Value::Text(id.into()))
}
