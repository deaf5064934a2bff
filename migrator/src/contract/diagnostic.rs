//! What can be said about a contract, and where: the closed set of faults and warnings. Finds
//! nothing itself.

use std::fmt;

use super::json::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The contract is refused, by itself or with the tables that it is to fill.
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

/// What no run starts with: a contract and tables that do not go together.
impl Code {
    /// The catalogue or the store lacks a table that is mapped.
    pub const MISSING_TABLE: Self =
        Self::fault("missing-table", "add the table, or correct its name");
    /// A table lacks a column that is mapped.
    pub const LACKING_COLUMN: Self =
        Self::fault("lacking-column", "add the column to the table, or correct its name");
    /// A table of the store is not that of the catalogue.
    pub const STORE_DIFFERS: Self = Self::fault(
        "store-differs",
        "change the table, or name with --tables the catalogue that it was made from",
    );
}

/// Warnings about expressions (contract.md 12).
impl Code {
    /// A condition compares with a number without quotes.
    pub const UNQUOTED_NUMBER: Self = Self::warning(
        "unquoted-number",
        "put the number into quotes to compare numbers, or say what is meant with IS EMPTY or \
         IS NOT EMPTY",
    );
    /// A parenthesis in a condition.
    pub const PARENTHESES: Self = Self::warning(
        "parentheses",
        "take the parentheses out; conditions with both AND and OR need a WHEN for each case",
    );
    /// `AND` and `OR` in one condition.
    pub const AND_WITH_OR: Self =
        Self::warning("and-with-or", "write a WHEN of its own for each case of the OR");
    /// A compound condition changes a literal or a name.
    pub const UPPER_CASED: Self = Self::warning(
        "upper-cased",
        "write the literal in upper case if the records have it so, or give it a WHEN without AND \
         and OR, where literals keep their case",
    );
    /// A keyword inside quotes takes the expression apart.
    pub const KEYWORD_IN_LITERAL: Self = Self::warning(
        "keyword-in-literal",
        "compare with LIKE and a pattern that does without the word",
    );
    /// A pattern with more syntax than it seems to have.
    pub const LIKE_PATTERN: Self = Self::warning(
        "like-pattern",
        "use letters, digits, blanks, % and _ alone; every other sign is that of a regular \
         expression",
    );
    /// A date in quotes that is compared with a text.
    pub const DATE_AS_TEXT: Self = Self::warning(
        "date-as-text",
        "put DATE(…) around the field and around the literal to compare points in time",
    );
    /// An operand that is taken for a name that no record can have.
    pub const NO_FIELD: Self = Self::warning(
        "no-field",
        "write a field's name, a literal in quotes or DATE(…); NOT, <> and == do not exist",
    );
    /// A condition without an operator.
    pub const NEVER_HOLDS: Self =
        Self::warning("never-holds", "compare with something, or ask IS NOT EMPTY");
    /// An expression or a value of it that is null for every record.
    pub const ALWAYS_NULL: Self = Self::warning(
        "always-null",
        "arithmetic knows + - * / // ** and parentheses; DATEADD(day, …) works behind THEN and \
         ELSE alone",
    );
    /// An expression that is not evaluated.
    pub const IGNORED_EXPRESSION: Self = Self::warning(
        "ignored-expression",
        "add calculated_field to mapping_type, or take the expression out",
    );
    /// `calculated_field` with nothing to calculate.
    pub const MISSING_EXPRESSION: Self =
        Self::warning("missing-expression", "add an expression, or take calculated_field out");
}

/// Warnings about keys and values of mappings (contract.md 3, 9, 10).
impl Code {
    /// A key that nobody reads.
    pub const UNKNOWN_KEY: Self = Self::warning("unknown-key", "correct the key, or take it out");
    /// A key that stands twice in one object.
    pub const REPEATED_KEY: Self =
        Self::warning("repeated-key", "take out the one that does not count");
    /// A key that is read and has no effect.
    pub const IGNORED_KEY: Self = Self::warning("ignored-key", "take the key out");
    /// A data type that is no data type.
    pub const UNKNOWN_DATA_TYPE: Self = Self::warning(
        "unknown-data-type",
        "write one of string, int, smallint, bigint, tinyint, decimal, float, datetime, \
         smalldatetime, date, bit, boolean",
    );
    /// A mapping type that is no mapping type.
    pub const UNKNOWN_MAPPING_TYPE: Self =
        Self::warning("unknown-mapping-type", "correct the type, or take it out");
    /// The parameter of a row-creating type that its rows cannot be made with.
    pub const UNUSABLE_PARAMETER: Self = Self::warning(
        "unusable-parameter",
        "write what the rows are told apart by into the parentheses behind the type",
    );
    /// A value that no record can have where it is looked for.
    pub const NEVER_FOUND: Self =
        Self::warning("never-found", "correct the path or the type, or take the mapping out");
    /// A table that the order of insertion leaves out, or that nothing fills.
    pub const INSERTION_ORDER: Self = Self::warning(
        "insertion-order",
        "let table_insertion_order name every table that is mapped, parents first",
    );
    /// A whole number that is read as the first number in a text.
    pub const FIRST_NUMBER: Self = Self::warning(
        "first-number",
        "identity_insert converts the whole text, sign and thousands included, and does nothing else",
    );
    /// A mapping that makes no row where it seems to.
    pub const MAKES_NO_ROW: Self = Self::warning(
        "makes-no-row",
        "give the mapping the type that makes rows of its table, or the table that its type is for",
    );
    /// A length that cuts characters off the end.
    pub const NEGATIVE_LENGTH: Self = Self::warning(
        "negative-length",
        "take data_length out if nothing is to be cut, or name a length",
    );
    /// A length that is no whole number.
    pub const UNUSABLE_LENGTH: Self =
        Self::warning("unusable-length", "write a whole number without quotes");
    /// A default that no record can bring about.
    pub const DEFAULT_NEVER_APPLIES: Self =
        Self::warning("default-never-applies", "take the default out, or let it have an effect");
    /// A bit that is 1 for every text.
    pub const BIT_WITHOUT_TYPE: Self =
        Self::warning("bit-without-type", "add char_to_bit or boolean_to_bit to mapping_type");
    /// A text of digits that loses its leading zeros.
    pub const LEADING_ZEROS: Self = Self::warning(
        "leading-zeros",
        "take the type out to keep the text as it is, if the records hold digits alone",
    );
    /// A table that gets a row from every record.
    pub const ROW_ALWAYS_KEPT: Self = Self::warning(
        "row-always-kept",
        "expect a row for every application; a row is dropped only if all columns are blank or \
         default",
    );
    /// An enumeration that answers for every text.
    pub const ENUM_CATCH_ALL: Self = Self::warning(
        "enum-catch-all",
        "take the entry \"\" out to have unknown texts left out (or the column's default)",
    );
}

/// Warnings from the table catalogue, from a store and from records.
impl Code {
    /// A table that the store does not have yet.
    pub const ABSENT_TABLE: Self =
        Self::warning("absent-table", "let the migrator create it, or correct its name");
    /// A column has another type.
    pub const TYPE_DIFFERS: Self =
        Self::warning("type-differs", "let data_type and the column's type agree");
    /// A column holds another number of characters or digits.
    pub const LENGTH_DIFFERS: Self =
        Self::warning("length-differs", "let data_length and the column's length agree");
    /// A column takes null where the mapping does not, or the other way round.
    pub const NULLABILITY_DIFFERS: Self =
        Self::warning("nullability-differs", "let nullable and the column agree");
    /// Columns that nothing maps.
    pub const UNMAPPED_COLUMNS: Self = Self::warning(
        "unmapped-columns",
        "map the columns, or be content with their defaults and nulls",
    );
    /// An attribute that no record of a sample has.
    pub const UNSEEN_ATTRIBUTE: Self = Self::warning(
        "unseen-attribute",
        "look for the attribute's name and path in the records, or try a larger sample",
    );
    /// A field of an expression that no record of a sample has.
    pub const UNSEEN_FIELD: Self = Self::warning(
        "unseen-field",
        "look for the field's name in the records, or try a larger sample",
    );
}

impl Code {
    /// Every kind of fault.
    pub const FAULTS: [Self; 17] = [
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
        Self::MISSING_TABLE,
        Self::LACKING_COLUMN,
        Self::STORE_DIFFERS,
    ];

    /// Every kind of warning.
    pub const WARNINGS: [Self; 36] = [
        Self::UNQUOTED_NUMBER,
        Self::PARENTHESES,
        Self::AND_WITH_OR,
        Self::UPPER_CASED,
        Self::KEYWORD_IN_LITERAL,
        Self::LIKE_PATTERN,
        Self::DATE_AS_TEXT,
        Self::NO_FIELD,
        Self::NEVER_HOLDS,
        Self::ALWAYS_NULL,
        Self::IGNORED_EXPRESSION,
        Self::MISSING_EXPRESSION,
        Self::UNKNOWN_KEY,
        Self::REPEATED_KEY,
        Self::IGNORED_KEY,
        Self::UNKNOWN_DATA_TYPE,
        Self::UNKNOWN_MAPPING_TYPE,
        Self::UNUSABLE_PARAMETER,
        Self::NEVER_FOUND,
        Self::INSERTION_ORDER,
        Self::FIRST_NUMBER,
        Self::MAKES_NO_ROW,
        Self::NEGATIVE_LENGTH,
        Self::UNUSABLE_LENGTH,
        Self::DEFAULT_NEVER_APPLIES,
        Self::BIT_WITHOUT_TYPE,
        Self::LEADING_ZEROS,
        Self::ROW_ALWAYS_KEPT,
        Self::ENUM_CATCH_ALL,
        Self::ABSENT_TABLE,
        Self::TYPE_DIFFERS,
        Self::LENGTH_DIFFERS,
        Self::NULLABILITY_DIFFERS,
        Self::UNMAPPED_COLUMNS,
        Self::UNSEEN_ATTRIBUTE,
        Self::UNSEEN_FIELD,
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
