//! Diagnostics of a mapping contract: the closed set of errors and warnings, each with its span.

use std::fmt;

use super::json::Span;

/// Severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The contract is rejected, alone or together with the tables that it fills.
    Error,
    /// The contract is accepted, but does something that its text does not say.
    Warning,
}

impl Severity {
    /// Name in `migrator check --json`: `fault` or `warning`.
    pub fn json_name(self) -> &'static str {
        match self {
            Self::Error => "fault",
            Self::Warning => "warning",
        }
    }

    /// Name in the text output: `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Declares [`Code`]: for each variant its doc comment, severity, name and help.
macro_rules! codes {
    ($($(#[$doc:meta])+ $severity:ident $variant:ident $name:literal $help:literal)+) => {
        /// Kind of a diagnostic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])+ $variant,)+
        }

        impl Code {
            /// Every kind, errors first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Name in the output of `migrator check`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Severity of every diagnostic of this kind.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// Advice that fits every diagnostic of this kind.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    // Load-time and start-up errors (contract.md 3).

    /// The text is not valid JSON.
    Error Syntax "syntax" "make the file one well-formed JSON object"
    /// A value has another JSON type than its key requires.
    Error WrongType "wrong-type" "give the key a value of the type named in the message"
    /// A required key is absent, null or blank.
    Error MissingKey "missing-key" "add the key and give it a value"
    /// A mapping names no column, and its type does not create rows.
    Error MissingColumn "missing-column"
        "name the column in target_column, or use a mapping type that creates rows"
    /// Two mappings fill one column.
    Error DuplicateColumn "duplicate-column"
        "remove one of the two mappings, or correct the table or the column of one"
    /// `element_filtering` has no rule for contacts or no rule for addresses.
    Error MissingRule "missing-rule" "add the rule to element_filtering.filter_rules"
    /// A filter rule is for elements that are neither contacts nor children of contacts.
    Error UnknownElementType "unknown-element-type"
        "use \"contact\", \"address\" or \"employment\", or remove the rule"
    /// A filter rule lists no values of a type attribute.
    Error RuleWithoutValues "rule-without-values"
        "give the attribute that holds the element's type a list of its values, preferred value first"
    /// The child of a relationship is not in `table_insertion_order`.
    Error ChildNotOrdered "child-not-ordered"
        "add the table to table_insertion_order after its parent, or correct its name"
    /// A table that receives rows has no relationship to its parent.
    Error NoRelationship "no-relationship"
        "add an entry with this child_table to relationships, or remove the table from table_insertion_order"
    /// An `enum` step has no enumeration.
    Error UnknownEnum "unknown-enum"
        "name an enumeration of enum_mappings in enum_name, or add the enumeration to enum_mappings"
    /// No column can hold a value of an enumeration.
    Error EnumValue "enum-value" "use an integer or a string"
    /// A bit is neither 0 nor 1.
    Error BitValue "bit-value" "use 0 or 1"
    /// The reference confuses an attribute with its own bookkeeping about an element.
    Error BookkeepingAttribute "bookkeeping-attribute"
        "this attribute can only be mapped if the records give it another name"

    // Errors of a contract and tables that do not fit together: no run starts.

    /// The catalogue or the store lacks a table that is mapped.
    Error MissingTable "missing-table" "add the table, or correct its name"
    /// A table lacks a column that is mapped.
    Error LackingColumn "lacking-column" "add the column to the table, or correct its name"
    /// A table of the store differs from the catalogue.
    Error StoreDiffers "store-differs"
        "change the table, or pass with --tables the catalogue that it was created from"

    // Warnings about expressions (contract.md 12).

    /// A condition compares with a number without quotes.
    Warning UnquotedNumber "unquoted-number"
        "quote the number to compare numbers, or use IS EMPTY or IS NOT EMPTY"
    /// A condition has a parenthesis.
    Warning Parentheses "parentheses"
        "remove the parentheses; conditions with both AND and OR need a WHEN for each case"
    /// A condition has both `AND` and `OR`.
    Warning AndWithOr "and-with-or" "write a separate WHEN for each case of the OR"
    /// A compound condition changes the case of a literal or of a name.
    Warning UpperCased "upper-cased"
        "write the literal in upper case if the records have it so, or move it to a WHEN without AND and OR, which keeps the case of literals"
    /// A keyword inside quotes splits the expression.
    Warning KeywordInLiteral "keyword-in-literal"
        "compare with LIKE and a pattern that does not contain the word"
    /// A pattern contains regular expression syntax.
    Warning LikePattern "like-pattern"
        "use only letters, digits, blanks, % and _; every other character is regular expression syntax"
    /// A quoted date is compared as text.
    Warning DateAsText "date-as-text"
        "wrap both the field and the literal in DATE(…) to compare points in time"
    /// An operand is read as a field name that no record can have.
    Warning NoField "no-field"
        "write a field name, a quoted literal or DATE(…); NOT, <> and == do not exist"
    /// A condition has no operator.
    Warning NeverHolds "never-holds" "compare with a value, or use IS NOT EMPTY"
    /// An expression, or one of its values, is null for every record.
    Warning AlwaysNull "always-null"
        "arithmetic supports + - * / // ** and parentheses; DATEADD(day, …) works only after THEN and ELSE"
    /// An expression is not evaluated.
    Warning IgnoredExpression "ignored-expression"
        "add calculated_field to mapping_type, or remove the expression"
    /// A mapping has `calculated_field` and no expression.
    Warning MissingExpression "missing-expression"
        "add an expression, or remove calculated_field"

    // Warnings about keys and values of mappings (contract.md 3, 9, 10).

    /// A key is not read.
    Warning UnknownKey "unknown-key" "correct the key, or remove it"
    /// A key occurs twice in one object.
    Warning RepeatedKey "repeated-key" "remove the one that is ignored"
    /// A key is read and has no effect.
    Warning IgnoredKey "ignored-key" "remove the key"
    /// A data type does not exist.
    Warning UnknownDataType "unknown-data-type"
        "use string, int, smallint, bigint, tinyint, decimal, float, datetime, smalldatetime, date, bit or boolean"
    /// A mapping type does not exist.
    Warning UnknownMappingType "unknown-mapping-type" "correct the type, or remove it"
    /// The parameter of a row-creating type cannot be used to create rows.
    Warning UnusableParameter "unusable-parameter"
        "write the value that distinguishes the rows into the parentheses after the type"
    /// No record can have a value at the place that a mapping names.
    Warning NeverFound "never-found" "correct the path or the type, or remove the mapping"
    /// A table is missing in the insertion order, or no mapping fills it.
    Warning InsertionOrder "insertion-order"
        "list every mapped table in table_insertion_order, parents first"
    /// An integer is read as the first number in a text.
    Warning FirstNumber "first-number"
        "add identity_insert: it converts the whole text, with sign and thousands, and has no other effect"
    /// A mapping creates no row although it seems to.
    Warning MakesNoRow "makes-no-row"
        "use the mapping type that creates rows of this table, or the table that the type is for"
    /// A length cuts characters off the end.
    Warning NegativeLength "negative-length"
        "remove data_length to keep the whole text, or use a positive length"
    /// A length is not an integer.
    Warning UnusableLength "unusable-length" "write an integer without quotes"
    /// No record can cause a default to be used.
    Warning DefaultNeverApplies "default-never-applies"
        "remove the default, or change the mapping so that it applies"
    /// A bit is 1 for every text.
    Warning BitWithoutType "bit-without-type"
        "add char_to_bit or boolean_to_bit to mapping_type"
    /// A text of digits loses its leading zeros.
    Warning LeadingZeros "leading-zeros"
        "remove the type to keep the text unchanged, if the records hold only digits"
    /// A table gets a row from every record.
    Warning RowAlwaysKept "row-always-kept"
        "expect a row for every application: a row is only dropped if all columns are blank or default"
    /// An enumeration has an entry that matches every text.
    Warning EnumCatchAll "enum-catch-all"
        "remove the entry \"\" to leave out unknown texts or give them the column's default"

    // Warnings from the table catalogue, from a store and from records.

    /// The store does not have a table yet.
    Warning AbsentTable "absent-table" "let the migrator create it, or correct its name"
    /// A column has another type than its mapping.
    Warning TypeDiffers "type-differs" "make data_type and the column's type agree"
    /// A column holds another number of characters or digits than its mapping.
    Warning LengthDiffers "length-differs" "make data_length and the column's length agree"
    /// A column accepts null and its mapping does not, or the other way round.
    Warning NullabilityDiffers "nullability-differs" "make nullable and the column agree"
    /// No mapping fills a column.
    Warning UnmappedColumns "unmapped-columns"
        "map the columns, or accept their defaults and nulls"
    /// No record of a sample has an attribute.
    Warning UnseenAttribute "unseen-attribute"
        "check the attribute's name and path against the records, or try a larger sample"
    /// No record of a sample has a field of an expression.
    Warning UnseenField "unseen-field"
        "check the field's name against the records, or try a larger sample"
}

/// An error or a warning about one piece of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind.
    pub code: Code,
    /// The piece, e.g. `mappings[12].target_column`.
    pub path: String,
    /// Position of the piece in the contract's text.
    pub span: Span,
    /// Description of the problem in this contract.
    pub message: String,
    /// Remedy for this contract.
    pub help: String,
}

impl Diagnostic {
    /// A diagnostic with the help of its kind.
    pub fn new(
        code: Code,
        path: impl Into<String>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { code, path, span, message, help: code.help().to_owned() }
    }

    /// The same with help for this case.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { line, column, .. } = self.span;
        write!(f, "line {line}, column {column}, {}: {}", self.path, self.message)
    }
}

/// Sorts diagnostics by position in the text and removes repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|one, other| {
        let key = |diagnostic: &Diagnostic| (diagnostic.span, diagnostic.code.name());
        key(one).cmp(&key(other)).then_with(|| one.message.cmp(&other.message))
    });
    diagnostics.dedup();
}
