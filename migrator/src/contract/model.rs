//! The compiled mapping contract: what the stages read. Built by `load`, never changed after.
//!
//! Section numbers are those of contract.md.

use rustc_hash::FxHashMap;

use super::convert::DataType;
use super::expr::{Expression, ExpressionNames, NameId};
use crate::record::Value;

/// A mapping contract, checked and compiled.
#[derive(Debug)]
pub struct Contract {
    /// Table with the records' texts.
    pub source_table: String,
    /// Column of the source table with the text.
    pub source_column: String,
    /// Table that the source is joined to; also the name of the product's application element.
    pub source_application_table: String,
    /// Schema of all tables.
    pub target_schema: String,
    /// Target tables in the order of insertion (14.1).
    pub tables: Vec<ContractTable>,
    /// How the rows of a table are made; same indices as `tables`.
    pub procedures: Vec<Procedure>,
    /// Which elements are contacts, addresses and employments.
    pub contacts: ContactRules,
    /// What the scan has to keep of a record.
    pub scan: ScanPlan,
    /// Enumerations that mappings refer to.
    pub enums: Vec<EnumMap>,
    /// `bit_conversions.char_to_bit`: text to 0 or 1.
    pub char_to_bit: FxHashMap<Box<str>, i64>,
    /// `bit_conversions.boolean_to_bit`: lower-case text to 0 or 1.
    pub boolean_to_bit: FxHashMap<Box<str>, i64>,
    /// What the contract's expressions look up.
    pub names: ExpressionNames,
}

/// A target table as the contract knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractTable {
    /// The table's name.
    pub name: String,
    /// Every column that a row may name, in contract order, appended keys last.
    pub columns: Vec<String>,
}

/// How the rows of one table are made (7).
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
    /// Whether look-ups see the expression context (any mapping calculates).
    pub uses_context: bool,
    /// `app_base`: kept although every column is a default (7.2).
    pub always_kept: bool,
    /// The column that gets the application's id.
    pub app_id: u16,
}

/// The table of contacts.
#[derive(Debug)]
pub struct ContactPlan {
    /// Its mappings.
    pub mappings: Vec<Mapping>,
    /// Whether any mapping calculates.
    pub calculates: bool,
    /// The column that gets the contact's id.
    pub con_id: u16,
    /// The column that gets the application's id.
    pub app_id: u16,
}

/// A table of a contact's children.
#[derive(Debug)]
pub struct ChildPlan {
    /// Which children.
    pub kind: ChildKind,
    /// Its mappings.
    pub mappings: Vec<Mapping>,
    /// Whether any mapping calculates.
    pub calculates: bool,
    /// The column that gets the contact's id.
    pub con_id: u16,
    /// The column that tells the children of a contact apart, if it is mapped (15.2).
    pub type_column: Option<u16>,
    /// Columns of which one must not be blank (7.3).
    pub presence_columns: Vec<PresenceColumn>,
    /// Attributes of which one may stand in for the columns (7.3).
    pub presence_attributes: Vec<AttributeRef>,
}

/// A column that shows that a child is no empty shell (7.3).
#[derive(Debug, Clone, Copy)]
pub struct PresenceColumn {
    /// The column.
    pub column: u16,
    /// Whether the number 0 shows nothing (`monthly_salary`).
    pub zero_is_blank: bool,
}

/// The two kinds of children a contact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// `app_contact_address`.
    Address,
    /// `app_contact_employment`.
    Employment,
}

/// Row-creating mappings that share one row (11). Collateral and warranty rows have many members,
/// all others one.
#[derive(Debug)]
pub struct RowGroup {
    /// What the row is.
    pub kind: RowKind,
    /// The text in the type's parentheses, trimmed; `None` without parentheses.
    pub parameter: Option<Box<str>>,
    /// The mappings, in contract order.
    pub members: Vec<Mapping>,
    /// The mapping that gives the notes of a policy exception (11.5).
    pub notes: Option<Mapping>,
    /// The columns of [`RowKind::columns`].
    pub columns: Vec<u16>,
    /// What each of them holds in every row of the group; `None` where the record decides.
    pub fixed: Vec<Option<Value>>,
}

/// What a row-creating type makes.
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

    /// The mapping type's name, without its parameter.
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

    /// The only table that such rows go to.
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

    /// The columns that every row of the kind has, `app_id` first.
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

    /// Whether mappings with the same parameter share a row, each filling its own column.
    pub fn shares_rows(self) -> bool {
        matches!(self, Self::Collateral | Self::Warranty)
    }
}

/// One field mapping.
#[derive(Debug)]
pub struct Mapping {
    /// Which entry of the contract's `mappings` it is, from 0.
    pub index: usize,
    /// Column of the contract's table; of no meaning in a [`RowGroup`].
    pub column: u16,
    /// Whether another mapping of the table may have filled the column before.
    pub shares_column: bool,
    /// Where the value comes from (8).
    pub lookup: Lookup,
    /// The attribute's name and the path's last segment, as rows of history name them.
    pub attribute: Box<str>,
    /// Last segment of the element path.
    pub segment: Box<str>,
    /// What is done with it (9); empty = no mapping type (9.1).
    pub chain: Vec<Step>,
    /// Whether all that is done with a text is to trim it and to cut it to its length.
    pub only_cuts: bool,
    /// The type it ends in.
    pub data_type: DataType,
    /// `data_length` as written.
    pub length: DataLength,
    /// Whether a null result leaves the column out.
    pub nullable: bool,
    /// What stands in for a blank or null (9.5).
    pub default: MappingDefault,
}

/// `data_length`: a cut length for text, a number of digits for decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataLength {
    /// Absent or null.
    None,
    /// A whole number.
    Number(i64),
    /// Written as a text: no cut, and decimals become null (10.2).
    Unusable,
}

impl Mapping {
    /// The length that texts are cut to (10.5).
    pub fn cut_length(&self) -> Option<i64> {
        match self.length {
            DataLength::Number(length) => Some(length),
            DataLength::None | DataLength::Unusable => None,
        }
    }
}

/// A mapping's default in its two forms (9.5).
#[derive(Debug, Clone, PartialEq)]
pub struct MappingDefault {
    /// As written in the contract; `None` where absent or null.
    pub raw: Option<Value>,
    /// Converted to the data type, only where the default is truthy.
    pub typed: Option<Value>,
}

/// An attribute as mappings name it: exact spelling first, then the first that differs by case (8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRef {
    /// The class of all spellings that differ by case only.
    pub class: ClassId,
    /// Index into the class's [`AttributeClass::spellings`].
    pub spelling: u16,
    /// The exact spelling.
    pub name: Box<str>,
}

/// Index into [`ScanPlan::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(pub u32);

/// Where a mapping's value comes from (8).
#[derive(Debug)]
pub enum Lookup {
    /// Rule 1: the last contact of a role, or one of its descendants (9.3).
    LastValid(LastValid),
    /// Rule 1: the last element literally named `contact` of the second role (9.3).
    Authorized {
        /// Look in the contact's last card element first.
        card: bool,
        /// The attribute, exact spelling only.
        attribute: AttributeRef,
    },
    /// Rule 2: nothing; the chain calculates.
    Calculated,
    /// Rule 3: the application element, exact spelling, for a contact's row.
    ApplicationElement {
        /// Index into [`ScanPlan::paths`].
        slot: u16,
        /// The attribute.
        attribute: AttributeRef,
    },
    /// Rule 4: the child element's own attribute.
    Child(AttributeRef),
    /// Rule 4: the contact's own attribute.
    Contact(AttributeRef),
    /// Rule 4: the application context, exact spelling first.
    Context {
        /// The exact key.
        exact: NameId,
        /// Any key that differs by case only.
        folded: NameId,
    },
    /// Rule 4: a list of children; only a chain that ignores its input can use it.
    ChildList,
    /// Rule 4: a segment that the context never has.
    Nothing,
    /// Rule 5: the last element of exactly this path.
    Path {
        /// Index into [`ScanPlan::paths`].
        slot: u16,
        /// The attribute.
        attribute: AttributeRef,
        /// Where the scan notes it.
        field: FieldId,
    },
}

/// An attribute that mappings read at one of the contract's paths: index into a record's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldId(pub u16);

/// `last_valid_pr_contact` and `last_valid_sec_contact` (9.3).
#[derive(Debug)]
pub struct LastValid {
    /// Which role.
    pub role: ContactRole,
    /// Where below the contact to look first.
    pub below: LookupScope,
    /// The attribute, exact spelling only.
    pub attribute: AttributeRef,
    /// Whether earlier contacts stand in for a meaningless value (history rows of the first role).
    pub earlier_contacts: bool,
}

/// Where `last_valid_*_contact` looks before the contact's own attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupScope {
    /// Nowhere.
    Nothing,
    /// The contact's addresses.
    Addresses,
    /// The contact's last card element.
    Card,
}

/// First or second value of the contact rule's list of types.
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
    /// The look-up has done the work (`last_valid_*`, `authu_contact`).
    Keep,
    /// `curr_address_only` (9.3).
    CurrentAddress {
        /// The attribute of the address, exact spelling only.
        attribute: AttributeRef,
        /// The context's key for the contact's id, where the row is no contact's own.
        con_id: NameId,
    },
    /// `enum`: index into [`Contract::enums`].
    Enum(usize),
    /// `char_to_bit`.
    CharToBit,
    /// `boolean_to_bit`.
    BooleanToBit,
    /// `calculated_field`; no expression evaluates to null.
    Calculated(Option<Expression>),
    /// The original value for an `enum` that follows a calculation that gave null (9.2).
    OriginalIfNull {
        /// The attribute's exact key in the context.
        exact: NameId,
        /// Any key that differs by case only.
        folded: NameId,
    },
    /// `numbers_only`, `extract_numeric`.
    Digits {
        /// Whether the digits filter is applied once more to a text at the end (`numbers_only`).
        again: bool,
    },
    /// `default_getutcdate_if_null`.
    NowIfBlank,
    /// `identity_insert`, `extract_date` and every unknown type: general conversion.
    General,
}

/// One enumeration (9.4).
#[derive(Debug)]
pub struct EnumMap {
    /// Keys as written.
    pub exact: FxHashMap<Box<str>, Value>,
    /// Lower-case keys, the first of each.
    pub folded: FxHashMap<Box<str>, Value>,
    /// The entry `""`: any text without a key of its own.
    pub catch_all: Option<Value>,
}

/// Which elements are contacts and children, and how they are chosen (6).
#[derive(Debug)]
pub struct ContactRules {
    /// Slot of the filter rule's path of contacts (index into [`ScanPlan::paths`]).
    pub slot: u16,
    /// `con_id`.
    pub con_id: AttributeRef,
    /// The attribute with the role.
    pub type_attribute: AttributeRef,
    /// Roles, best first.
    pub types: Vec<Box<str>>,
    /// Attributes of which one must be filled for a valid contact (6.1).
    pub meaningful: Vec<AttributeRef>,
    /// The address rule.
    pub address: ChildRule,
    /// The employment rule, where the contract has one.
    pub employment: Option<ChildRule>,
}

/// How children of a contact are chosen (6.2).
#[derive(Debug)]
pub struct ChildRule {
    /// The attribute with the child's type.
    pub type_attribute: AttributeRef,
    /// Types, preferred first.
    pub types: Vec<Box<str>>,
}

/// What the scan has to keep of a record.
#[derive(Debug)]
pub struct ScanPlan {
    /// Element paths whose last element mapping reads; the index is the slot.
    pub paths: Vec<String>,
    /// Element names that are kept wherever they stand.
    pub kept: KeptNames,
    /// Attribute names that anything asks for, lower case.
    pub classes: Vec<AttributeClass>,
    /// From lower-case name to class.
    pub class_of: FxHashMap<Box<str>, ClassId>,
    /// The attributes that mappings read at paths.
    pub fields: FieldTable,
    /// Whether any table uses the expression context of the whole document (13).
    pub needs_context: bool,
}

/// The attributes that mappings read at paths, each with its place among a record's fields.
#[derive(Debug, Default)]
pub struct FieldTable {
    /// By slot, then by class.
    by_slot: Vec<Vec<Option<FieldId>>>,
    count: u16,
}

impl FieldTable {
    /// The field of an attribute class at a path, made where it is new. Fields are far below 65,536:
    /// a contract has hundreds of mappings.
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

    /// The fields of a path, by attribute class; classes beyond its end have none.
    pub fn of_slot(&self, slot: u16) -> &[Option<FieldId>] {
        self.by_slot.get(usize::from(slot)).map_or(&[], Vec::as_slice)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.into()
    }
}

/// Element names that are kept wherever they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptNames {
    /// The contract's contact element.
    pub contact: String,
    /// The contract's address element.
    pub address: String,
    /// The contract's employment element.
    pub employment: Option<String>,
}

/// `contact`, the name that `authu_contact` and `curr_address_only` are hard-wired to (9.3).
pub const LITERAL_CONTACT: &str = "contact";
/// `contact_address`, the name that `curr_address_only` is hard-wired to (9.3).
pub const LITERAL_ADDRESS: &str = "contact_address";
/// `app_prod_bcard`, the card element of a contact (9.3).
pub const CARD: &str = "app_prod_bcard";

/// All spellings of one attribute name that differ by case only.
#[derive(Debug)]
pub struct AttributeClass {
    /// The name in lower case.
    pub lower: Box<str>,
    /// The spellings that the contract has.
    pub spellings: Vec<Box<str>>,
    /// The expression names that such an attribute can answer.
    pub uses: Vec<NameUse>,
}

/// One way in which an attribute becomes a key that expressions look up (13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// The name it answers.
    pub name: NameId,
    /// The part before the dot; `None` = unprefixed.
    pub prefix: Option<Box<str>>,
    /// The part after the dot, or all of it.
    pub rest: Box<str>,
    /// Whether case counts.
    pub exact: bool,
}

impl ScanPlan {
    /// The class of an attribute name, if anything asks for it.
    pub fn class(&self, id: ClassId) -> &AttributeClass {
        &self.classes[id.0 as usize]
    }
}
