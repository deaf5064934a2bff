//! Compiled mapping contract, as the stages read it. `compile` builds it; it never changes
//! afterwards.
//!
//! Section numbers are those of contract.md.

use rustc_hash::FxHashMap;

use super::convert::DataType;
use super::expr::{Expression, ExpressionNames, NameId};
use crate::record::Value;

/// A mapping contract, checked and compiled.
#[derive(Debug)]
pub struct Contract {
    /// Table that holds the records' texts.
    pub source_table: String,
    /// Column that holds the text.
    pub source_column: String,
    /// Table that the source is joined with; also the name of the application element.
    pub source_application_table: String,
    /// Schema of all tables.
    pub target_schema: String,
    /// Target tables in the order of insertion (14.1).
    pub tables: Vec<ContractTable>,
    /// Procedure of each table, with the same indices as `tables`.
    pub procedures: Vec<Procedure>,
    /// Rules that select contacts, addresses and employments.
    pub contacts: ContactRules,
    /// Parts of a record that the scan keeps.
    pub scan: ScanPlan,
    /// Enumerations that mappings refer to.
    pub enums: Vec<EnumMap>,
    /// `bit_conversions.char_to_bit`: text to 0 or 1.
    pub char_to_bit: FxHashMap<Box<str>, i64>,
    /// `bit_conversions.boolean_to_bit`: lower-case text to 0 or 1.
    pub boolean_to_bit: FxHashMap<Box<str>, i64>,
    /// Names that the contract's expressions look up.
    pub names: ExpressionNames,
}

/// A target table of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractTable {
    /// The table's name.
    pub name: String,
    /// Columns that a row may name, in contract order, with added keys last.
    pub columns: Vec<String>,
}

/// Procedure that builds the rows of one table (7).
#[derive(Debug)]
pub enum Procedure {
    /// At most one row for the application.
    Application(ApplicationPlan),
    /// One row per valid contact.
    ContactBase(ContactPlan),
    /// One row per address or employment of a contact.
    Children(ChildPlan),
    /// One row per group of row-creating mappings that yields one (11).
    Rows(Vec<RowGroup>),
}

/// A table with at most one row per application.
#[derive(Debug)]
pub struct ApplicationPlan {
    /// Its mappings.
    pub mappings: Vec<Mapping>,
    /// True if look-ups see the expression context, because a mapping calculates.
    pub uses_context: bool,
    /// `app_base` only: the row is kept even if every column is a default (7.2).
    pub always_kept: bool,
    /// Column of the application's id.
    pub app_id: u16,
}

/// The table of contacts.
#[derive(Debug)]
pub struct ContactPlan {
    /// Its mappings.
    pub mappings: Vec<Mapping>,
    /// True if a mapping calculates.
    pub calculates: bool,
    /// Column of the contact's id.
    pub con_id: u16,
    /// Column of the application's id.
    pub app_id: u16,
}

/// A table of a contact's children.
#[derive(Debug)]
pub struct ChildPlan {
    /// Kind of the children.
    pub kind: ChildKind,
    /// Its mappings.
    pub mappings: Vec<Mapping>,
    /// True if a mapping calculates.
    pub calculates: bool,
    /// Column of the contact's id.
    pub con_id: u16,
    /// Column that distinguishes the children of a contact, if it is mapped (15.2).
    pub type_column: Option<u16>,
    /// Columns that make a child's row: one of them must not be blank (7.3).
    pub presence_columns: Vec<PresenceColumn>,
    /// Attributes that make a child's row instead of the columns (7.3).
    pub presence_attributes: Vec<AttributeRef>,
}

/// A column that makes a child's row if it is not blank (7.3).
#[derive(Debug, Clone, Copy)]
pub struct PresenceColumn {
    /// The column.
    pub column: u16,
    /// True if the number 0 counts as blank (`monthly_salary`).
    pub zero_is_blank: bool,
}

/// Kind of a contact's child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// `app_contact_address`.
    Address,
    /// `app_contact_employment`.
    Employment,
}

/// Row-creating mappings that share one row (11). Collateral and warranty rows have many members;
/// all other rows have one.
#[derive(Debug)]
pub struct RowGroup {
    /// Kind of the row.
    pub kind: RowKind,
    /// Trimmed text in the parentheses of the type; `None` without parentheses.
    pub parameter: Option<Box<str>>,
    /// Mappings in contract order.
    pub members: Vec<Mapping>,
    /// Mapping of the notes of a policy exception (11.5).
    pub notes: Option<Mapping>,
    /// Columns of [`RowKind::columns`].
    pub columns: Vec<u16>,
    /// Value of each of these columns in every row of the group; `None` if the record decides.
    pub fixed: Vec<Option<Value>>,
}

/// Kind of row that a mapping type creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// `add_score(ID)` (11.1).
    Score,
    /// `add_indicator(NAME)` (11.2).
    Indicator,
    /// `add_history` (11.3).
    History,
    /// `add_report_lookup(KEY)` (11.4).
    ReportLookup,
    /// `policy_exceptions(N)` (11.5).
    PolicyException,
    /// `add_collateral(N)` (11.6).
    Collateral,
    /// `warranty_field(N)` (11.7).
    Warranty,
}

impl RowKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Score,
        Self::Indicator,
        Self::History,
        Self::ReportLookup,
        Self::PolicyException,
        Self::Collateral,
        Self::Warranty,
    ];

    /// Name of the mapping type, without its parameter.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Score => "add_score",
            Self::Indicator => "add_indicator",
            Self::History => "add_history",
            Self::ReportLookup => "add_report_lookup",
            Self::PolicyException => "policy_exceptions",
            Self::Collateral => "add_collateral",
            Self::Warranty => "warranty_field",
        }
    }

    /// The only table of such rows.
    pub fn table(self) -> &'static str {
        match self {
            Self::Score => "scores",
            Self::Indicator => "indicators",
            Self::History => "app_historical_lookup",
            Self::ReportLookup => "app_report_results_lookup",
            Self::PolicyException => "app_policy_exceptions_rl",
            Self::Collateral => "app_collateral_rl",
            Self::Warranty => "app_warranties_rl",
        }
    }

    /// Columns that every row of this kind has, `app_id` first.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Score => &["app_id", "score_identifier", "score"],
            Self::Indicator => &["app_id", "indicator", "value"],
            Self::History => &["app_id", "name", "source", "value"],
            Self::ReportLookup => &["app_id", "name", "source_report_key", "value"],
            Self::PolicyException => {
                &["app_id", "policy_exception_type_enum", "reason_code", "notes"]
            }
            Self::Collateral => &["app_id", "sort_order"],
            Self::Warranty => &["app_id", "warranty_type_enum", "merrick_lienholder_flag"],
        }
    }

    /// True if mappings with the same parameter share a row, in which each fills its own column.
    pub fn shares_rows(self) -> bool {
        matches!(self, Self::Collateral | Self::Warranty)
    }
}

/// One field mapping.
#[derive(Debug)]
pub struct Mapping {
    /// Index of the entry in the contract's `mappings`, from 0.
    pub index: usize,
    /// Column of the contract's table; not used in a [`RowGroup`].
    pub column: u16,
    /// True if another mapping of the table may already have filled the column.
    pub shares_column: bool,
    /// Source of the value (8).
    pub lookup: Lookup,
    /// Name of the attribute, as history rows store it.
    pub attribute: Box<str>,
    /// Last segment of the element path.
    pub segment: Box<str>,
    /// Steps of the transformation (9); empty without a mapping type (9.1).
    pub chain: Vec<Step>,
    /// True if the only transformation of a text is to trim it and cut it to its length.
    pub only_cuts: bool,
    /// Data type of the result.
    pub data_type: DataType,
    /// `data_length` as written.
    pub length: DataLength,
    /// True if a null result leaves the column out.
    pub nullable: bool,
    /// Value that replaces a blank or a null (9.5).
    pub default: MappingDefault,
}

/// `data_length`: maximum length of a text, or number of digits of a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataLength {
    /// Absent or null.
    None,
    /// An integer.
    Number(i64),
    /// A string: texts are not cut, and decimals become null (10.2).
    Unusable,
}

impl Mapping {
    /// Length to which texts are cut (10.5).
    pub fn cut_length(&self) -> Option<i64> {
        match self.length {
            DataLength::Number(length) => Some(length),
            DataLength::None | DataLength::Unusable => None,
        }
    }
}

/// Default of a mapping in both forms (9.5).
#[derive(Debug, Clone, PartialEq)]
pub struct MappingDefault {
    /// As written in the contract; `None` if absent or null.
    pub raw: Option<Value>,
    /// Converted to the data type; only for a truthy default.
    pub typed: Option<Value>,
}

/// An attribute that mappings name: the exact spelling first, then the first that differs only by
/// case (8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRef {
    /// Class of all spellings that differ only by case.
    pub class: ClassId,
    /// Index into [`AttributeClass::spellings`].
    pub spelling: u16,
    /// Exact spelling.
    pub name: Box<str>,
}

/// Index into [`ScanPlan::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(pub u32);

/// Source of a mapping's value (8).
#[derive(Debug)]
pub enum Lookup {
    /// Rule 1: the last contact of a role, or one of its descendants (9.3).
    LastValid(LastValid),
    /// Rule 1: the last element named `contact` of the second role (9.3).
    Authorized {
        /// True to look in the contact's last card element first.
        card: bool,
        /// Attribute, exact spelling only.
        attribute: AttributeRef,
    },
    /// Rule 2: nothing; an expression calculates the value.
    Calculated,
    /// Rule 3: the application element, exact spelling only, for a contact's row.
    ApplicationElement {
        /// Index into [`ScanPlan::paths`].
        slot: u16,
        /// Attribute.
        attribute: AttributeRef,
    },
    /// Rule 4: the child element's own attribute.
    Child(AttributeRef),
    /// Rule 4: the contact's own attribute.
    Contact(AttributeRef),
    /// Rule 4: the application context, exact spelling first.
    Context {
        /// Exact key.
        exact: NameId,
        /// A key that differs only by case.
        folded: NameId,
    },
    /// Rule 4: a list of children, which only a chain that ignores its input can use.
    ChildList,
    /// Rule 4: a segment that is never in the context.
    Nothing,
    /// Rule 5: the last element at exactly this path.
    Path {
        /// Index into [`ScanPlan::paths`].
        slot: u16,
        /// Attribute.
        attribute: AttributeRef,
        /// Field in which the scan stores it.
        field: FieldId,
    },
}

/// An attribute that mappings read at a path of the contract: index into a record's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldId(pub u16);

/// `last_valid_pr_contact` and `last_valid_sec_contact` (9.3).
#[derive(Debug)]
pub struct LastValid {
    /// Role of the contact.
    pub role: ContactRole,
    /// Descendants to search first.
    pub below: LookupScope,
    /// Attribute, exact spelling only.
    pub attribute: AttributeRef,
    /// True if an earlier contact replaces a meaningless value (history rows of the first role).
    pub earlier_contacts: bool,
}

/// Elements that `last_valid_*_contact` searches before the contact's own attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupScope {
    /// None.
    Nothing,
    /// Addresses of the contact.
    Addresses,
    /// Last card element of the contact.
    Card,
}

/// First or second value in the type list of the contact rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactRole {
    /// Primary.
    First,
    /// Secondary (joint applicant, authorized user).
    Second,
}

/// One step of a chain (9.2).
#[derive(Debug)]
pub enum Step {
    /// Keeps the value: the look-up did the work (`last_valid_*`, `authu_contact`).
    Keep,
    /// `curr_address_only` (9.3).
    CurrentAddress {
        /// Attribute of the address, exact spelling only.
        attribute: AttributeRef,
        /// Context key of the contact's id, for rows that are not a contact's own.
        con_id: NameId,
    },
    /// `enum`: index into [`Contract::enums`].
    Enum(usize),
    /// `char_to_bit`.
    CharToBit,
    /// `boolean_to_bit`.
    BooleanToBit,
    /// `calculated_field`. Without an expression the result is null.
    Calculated(Option<Expression>),
    /// Original value, for an `enum` after a calculation that gave null (9.2).
    OriginalIfNull {
        /// Exact key of the attribute in the context.
        exact: NameId,
        /// A key that differs only by case.
        folded: NameId,
    },
    /// `numbers_only`, `extract_numeric`.
    Digits {
        /// True for `numbers_only`, which filters the final text once more.
        again: bool,
    },
    /// `default_getutcdate_if_null`.
    NowIfBlank,
    /// `identity_insert`, `extract_date` and all unknown types: general conversion.
    General,
}

/// An enumeration (9.4).
#[derive(Debug)]
pub struct EnumMap {
    /// Values by key, as written.
    pub exact: FxHashMap<Box<str>, Value>,
    /// Values by lower-case key; of equal keys the first.
    pub folded: FxHashMap<Box<str>, Value>,
    /// Value of the entry `""`, for any text without its own key.
    pub catch_all: Option<Value>,
}

/// Rules that select contacts and children (6).
#[derive(Debug)]
pub struct ContactRules {
    /// Slot of the contact rule's path (index into [`ScanPlan::paths`]).
    pub slot: u16,
    /// `con_id`.
    pub con_id: AttributeRef,
    /// Attribute that holds the role.
    pub type_attribute: AttributeRef,
    /// Roles, best first.
    pub types: Vec<Box<str>>,
    /// Attributes of a valid contact: at least one must be filled (6.1).
    pub meaningful: Vec<AttributeRef>,
    /// Rule for addresses.
    pub address: ChildRule,
    /// Rule for employments, if the contract has one.
    pub employment: Option<ChildRule>,
}

/// Rule that selects children of a contact (6.2).
#[derive(Debug)]
pub struct ChildRule {
    /// Attribute that holds the child's type.
    pub type_attribute: AttributeRef,
    /// Types, preferred first.
    pub types: Vec<Box<str>>,
}

/// Parts of a record that the scan keeps.
#[derive(Debug)]
pub struct ScanPlan {
    /// Element paths that mappings read at their last element. The index is the slot.
    pub paths: Vec<String>,
    /// Elements that are kept at any path.
    pub kept: KeptNames,
    /// Attribute names in use, in lower case.
    pub classes: Vec<AttributeClass>,
    /// Classes by lower-case name.
    pub class_of: FxHashMap<Box<str>, ClassId>,
    /// Attributes that mappings read at paths.
    pub fields: FieldTable,
    /// True if a table uses the expression context of the whole document (13).
    pub needs_context: bool,
}

/// Attributes that mappings read at paths, each with its index in a record's fields.
#[derive(Debug, Default)]
pub struct FieldTable {
    /// By slot, then by class.
    by_slot: Vec<Vec<Option<FieldId>>>,
    count: u16,
}

impl FieldTable {
    /// Field of an attribute class at a path; adds a new one. A contract has hundreds of mappings,
    /// so 16 bits suffice.
    pub(super) fn intern(&mut self, slot: u16, class: ClassId) -> FieldId {
        let (slot, class) = (usize::from(slot), class.0 as usize);
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, Vec::new);
        }
        let by_class = &mut self.by_slot[slot];
        if by_class.len() <= class {
            by_class.resize(class + 1, None);
        }
        *by_class[class].get_or_insert_with(|| {
            self.count += 1;
            FieldId(self.count - 1)
        })
    }

    /// Fields of a path by attribute class. Classes beyond the end have none.
    pub fn of_slot(&self, slot: u16) -> &[Option<FieldId>] {
        self.by_slot.get(usize::from(slot)).map_or(&[], Vec::as_slice)
    }

    /// Number of fields.
    pub fn count(&self) -> usize {
        self.count.into()
    }
}

/// Names of elements that are kept at any path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptNames {
    /// Contact element.
    pub contact: String,
    /// Address element.
    pub address: String,
    /// Employment element.
    pub employment: Option<String>,
}

/// Fixed name in `authu_contact` and `curr_address_only` (9.3).
pub const LITERAL_CONTACT: &str = "contact";
/// Fixed name in `curr_address_only` (9.3).
pub const LITERAL_ADDRESS: &str = "contact_address";
/// Card element of a contact (9.3).
pub const CARD: &str = "app_prod_bcard";

/// All spellings of an attribute name that differ only by case.
#[derive(Debug)]
pub struct AttributeClass {
    /// Name in lower case.
    pub lower: Box<str>,
    /// Spellings in the contract.
    pub spellings: Vec<Box<str>>,
    /// Expression names that such an attribute can answer.
    pub uses: Vec<NameUse>,
}

/// A key that an attribute provides for expressions (13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// Name that it answers.
    pub name: NameId,
    /// Part before the dot; `None` without a prefix.
    pub prefix: Option<Box<str>>,
    /// Part after the dot, or the whole name.
    pub rest: Box<str>,
    /// True if case matters.
    pub exact: bool,
}

impl ScanPlan {
    /// Attribute class with this id.
    pub fn class(&self, id: ClassId) -> &AttributeClass {
        &self.classes[id.0 as usize]
    }
}
