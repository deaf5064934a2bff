//! What can be said about a contract, and where: the closed set of faults and warnings. Finds
//! nothing itself.

use std::fmt;

use super::json::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The contract is refused.
    Fault,
    /// The contract is taken, and does something that its text does not say.
    Warning,
}

impl Severity {
    /// `fault` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
        }
    }
}

/// One kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its name in `migrator check --json`.
    pub name: &'static str,
    /// Whether it stops a contract.
    pub severity: Severity,
    /// What to do about it.
    pub help: &'static str,
}

impl Code {
    const fn fault(name: &'static str, help: &'static str) -> Self {
        Self { name, severity: Severity::Fault, help }
    }

    const fn warning(name: &'static str, help: &'static str) -> Self {
        Self { name, severity: Severity::Warning, help }
    }
}

/// Load-time and start-up faults (contract.md 3).
impl Code {
    /// The text is no JSON.
    pub const SYNTAX: Self = Self::fault("syntax", "make the file one well-formed JSON object");
    /// A value of another JSON type than its key takes.
    pub const WRONG_TYPE: Self =
        Self::fault("wrong-type", "give the key a value of the type that is named");
    /// A required key is absent, null or blank.
    pub const MISSING_KEY: Self = Self::fault("missing-key", "add the key and give it a value");
    /// A mapping names no column and makes no row of its own.
    pub const MISSING_COLUMN: Self = Self::fault(
        "missing-column",
        "name the column in target_column, or give the mapping a type that makes rows",
    );
    /// Two mappings fill one column.
    pub const DUPLICATE_COLUMN: Self = Self::fault(
        "duplicate-column",
        "take one of the two out, or correct the table or the column of one",
    );
    /// `element_filtering` has no rule for contacts or for addresses.
    pub const MISSING_RULE: Self =
        Self::fault("missing-rule", "add the rule to element_filtering.filter_rules");
    /// A filter rule for elements that are neither contacts nor children of contacts.
    pub const UNKNOWN_ELEMENT_TYPE: Self = Self::fault(
        "unknown-element-type",
        "write \"contact\", \"address\" or \"employment\", or take the rule out",
    );
    /// A filter rule that lists no values of a type attribute.
    pub const RULE_WITHOUT_VALUES: Self = Self::fault(
        "rule-without-values",
        "give the attribute with the element's type a list of its values, the preferred first",
    );
    /// A relationship's child is no table of `table_insertion_order`.
    pub const CHILD_NOT_ORDERED: Self = Self::fault(
        "child-not-ordered",
        "add the table to table_insertion_order, behind its parent, or correct its name",
    );
    /// A table that is inserted into has no relationship to its parent.
    pub const NO_RELATIONSHIP: Self = Self::fault(
        "no-relationship",
        "add an entry with this child_table to relationships, or take the table out of the order",
    );
    /// An `enum` step for which there is no enumeration.
    pub const UNKNOWN_ENUM: Self = Self::fault(
        "unknown-enum",
        "name one of enum_mappings in enum_name, or add the enumeration to enum_mappings",
    );
    /// An enumeration's value that no column can hold.
    pub const ENUM_VALUE: Self = Self::fault("enum-value", "write a whole number or a text");
    /// A bit that is neither 0 nor 1.
    pub const BIT_VALUE: Self = Self::fault("bit-value", "write 0 or 1");
    /// An attribute that the reference confuses with what it notes about an element.
    pub const BOOKKEEPING_ATTRIBUTE: Self = Self::fault(
        "bookkeeping-attribute",
        "the attribute has to have another name in the records to be mapped at all",
    );
}

impl Code {
    /// Every kind of fault.
    pub const FAULTS: [Self; 14] = [
        Self::SYNTAX,
        Self::WRONG_TYPE,
        Self::MISSING_KEY,
        Self::MISSING_COLUMN,
        Self::DUPLICATE_COLUMN,
        Self::MISSING_RULE,
        Self::UNKNOWN_ELEMENT_TYPE,
        Self::RULE_WITHOUT_VALUES,
        Self::CHILD_NOT_ORDERED,
        Self::NO_RELATIONSHIP,
        Self::UNKNOWN_ENUM,
        Self::ENUM_VALUE,
        Self::BIT_VALUE,
        Self::BOOKKEEPING_ATTRIBUTE,
    ];
}

/// Something about a contract, and where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub code: Code,
    /// The piece, such as `mappings[12].target_column`.
    pub path: String,
    /// Where the piece stands in the contract's text.
    pub place: Place,
    /// What is the matter, in this case.
    pub message: String,
    /// What to do about it, in this case.
    pub help: String,
}

impl Finding {
    /// A finding with its kind's own help.
    pub fn new(
        code: Code,
        path: impl Into<String>,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { code, path, place, message, help: code.help.to_owned() }
    }

    /// The same with advice for this very case.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, .. } = self.place;
        write!(f, "line {line}, column {column}, {}: {}", self.path, self.message)
    }
}

/// Puts findings into the order of the text, each said once.
pub fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.place, finding.code.name);
        key(one).cmp(&key(other)).then_with(|| one.message.cmp(&other.message))
    });
    findings.dedup();
}
