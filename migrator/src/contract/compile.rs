//! Compiler from a checked contract to the form that stages read: resolves names, look-ups and
//! defaults.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::case::lower;
use super::check::{enum_name, rule, type_list};
use super::convert::{DataType, convert, integer_if_digits};
use super::expr::{Expression, ExpressionNames, Match, NameId};
use super::model::{
    ApplicationPlan, AttributeClass, AttributeRef, CARD, ChildKind, ChildPlan, ChildRule, ClassId,
    ContactPlan, ContactRole, ContactRules, Contract, ContractTable, DataLength, EnumMap,
    FieldTable, KeptNames, LITERAL_ADDRESS, LastValid, Lookup, LookupScope, Mapping,
    MappingDefault, NameUse, PresenceColumn, Procedure, RowGroup, RowKind, ScanPlan, Step,
};
use super::syntax::{ContractSyntax, FieldMapping, FilterRule, TypeName, last_segment};
use crate::record::{OTHER_SPELLING, Value};

const CONTACT_TABLE: &str = "app_contact_base";
const ADDRESS_TABLE: &str = "app_contact_address";
const EMPLOYMENT_TABLE: &str = "app_contact_employment";
const HISTORY_TABLE: &str = "app_historical_lookup";

/// Path of the application's consent flags that contact rows read (8, rule 3).
const APPLICATION_PATH: &str = "/Provenir/Request/CustData/application";

/// Attributes of a contact. A valid contact has at least one of them (6.1).
const MEANINGFUL: [&str; 4] = ["birth_date", "first_name", "last_name", "ssn"];

/// Compiles a contract that has no errors.
pub(super) fn compile(draft: &ContractSyntax) -> Contract {
    let mut compiler = Compiler::new(draft);
    let contacts = compiler.contacts();
    let mut tables = Vec::new();
    let mut procedures = Vec::new();
    for name in table_order(draft) {
        let (table, procedure) = compiler.table(&name);
        tables.push(table);
        procedures.push(procedure);
    }
    let needs_context = procedures.iter().any(uses_context);
    compiler.register_names();
    Contract {
        source_table: draft.head.source_table.clone(),
        source_column: draft.head.source_column.clone(),
        source_application_table: draft.head.source_application_table.clone(),
        target_schema: draft.head.target_schema.clone().unwrap_or_else(|| "dbo".to_owned()),
        tables,
        procedures,
        contacts,
        scan: ScanPlan {
            paths: compiler.paths,
            kept: kept_names(draft),
            classes: compiler.classes,
            class_of: compiler.class_of,
            fields: compiler.fields,
            needs_context,
        },
        enums: compiler.enums.into_iter().map(|(_, map)| map).collect(),
        char_to_bit: bits(&draft.head.bit_conversions.char_to_bit),
        boolean_to_bit: bits(&draft.head.bit_conversions.boolean_to_bit),
        names: compiler.names,
    }
}

/// True if a table sees the expression context of the whole document (13).
fn uses_context(procedure: &Procedure) -> bool {
    let calculated =
        |mapping: &Mapping| mapping.chain.iter().any(|step| matches!(step, Step::Calculated(_)));
    match procedure {
        Procedure::Application(plan) => plan.uses_context,
        Procedure::Rows(groups) => groups.iter().any(|group| group.members.iter().any(calculated)),
        Procedure::ContactBase(_) | Procedure::Children(_) => false,
    }
}

/// Mapped tables: first in the contract's order, then the others by name (14.1).
fn table_order(draft: &ContractSyntax) -> Vec<String> {
    let mut rest: Vec<&str> = draft.mappings.iter().map(|m| m.value.table()).collect();
    rest.sort_unstable();
    rest.dedup();
    let mut order = Vec::new();
    for table in &draft.head.table_insertion_order {
        if let Ok(found) = rest.binary_search(&table.as_str()) {
            order.push(rest.remove(found).to_owned());
        }
    }
    order.extend(rest.into_iter().map(str::to_owned));
    order
}

fn application_path(draft: &ContractSyntax) -> String {
    format!("/Provenir/Request/CustData/{}", draft.head.source_application_table)
}

fn kept_names(draft: &ContractSyntax) -> KeptNames {
    let of_table = |table: &str, element_type: &str| {
        let related = draft.relationships.iter().rev().find_map(|relationship| {
            let value = &relationship.value;
            let own = value.child_table.as_deref() == Some(table);
            if own { value.xml_child_path.as_deref() } else { None }
        });
        let ruled = || rule(draft, element_type).map(|rule| rule.value.xml_child_path.as_str());
        related.or_else(ruled).map(|path| last_segment(path).to_owned())
    };
    KeptNames {
        contact: of_table(CONTACT_TABLE, "contact").unwrap_or_default(),
        address: of_table(ADDRESS_TABLE, "address").unwrap_or_default(),
        employment: of_table(EMPLOYMENT_TABLE, "employment"),
    }
}

fn bits(map: &Map<String, Json>) -> FxHashMap<Box<str>, i64> {
    map.iter().map(|(text, bit)| (text.as_str().into(), bit.as_i64().unwrap_or(0))).collect()
}

fn value_of(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(truth) => Some(Value::Bool(*truth)),
        Json::String(text) => Some(Value::Text(text.as_str().into())),
        Json::Number(number) => Some(match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None if number.is_f64() => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            None => Value::BigInt(number.to_string().into()),
        }),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn enum_map(json: &Json) -> EnumMap {
    let mut map =
        EnumMap { exact: FxHashMap::default(), folded: FxHashMap::default(), catch_all: None };
    for (key, json) in json.as_object().into_iter().flatten() {
        let Some(value) = value_of(json) else { continue };
        map.folded.entry(lower(key).as_ref().into()).or_insert_with(|| value.clone());
        if key.is_empty() {
            map.catch_all = Some(value.clone());
        }
        map.exact.insert(key.as_str().into(), value);
    }
    map
}

/// True if Python treats the default as true.
fn is_truthy(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

fn default_of(mapping: &FieldMapping, data_type: DataType) -> MappingDefault {
    let Some(json) = &mapping.default_value else {
        return MappingDefault { raw: None, typed: None };
    };
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
        other => other.to_string(),
    };
    let typed = is_truthy(json).then(|| convert(&text, data_type));
    MappingDefault { raw: value_of(json), typed: typed.filter(|value| *value != Value::Null) }
}

fn length_of(mapping: &FieldMapping) -> DataLength {
    match &mapping.data_length {
        None => DataLength::None,
        Some(json) => json.as_i64().map_or(DataLength::Unusable, DataLength::Number),
    }
}

struct Compiler<'d> {
    draft: &'d ContractSyntax,
    paths: Vec<String>,
    classes: Vec<AttributeClass>,
    class_of: FxHashMap<Box<str>, ClassId>,
    fields: FieldTable,
    names: ExpressionNames,
    enums: Vec<(String, EnumMap)>,
}

/// Effect of a table's procedure on the look-ups of its mappings.
#[derive(Clone, Copy)]
struct Setting<'t> {
    table: &'t str,
    context: ContextKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ContextKind {
    None,
    Application,
    Contact,
    Child,
}

impl<'d> Compiler<'d> {
    fn new(draft: &'d ContractSyntax) -> Self {
        let mut compiler = Self {
            draft,
            paths: Vec::new(),
            classes: Vec::new(),
            class_of: FxHashMap::default(),
            fields: FieldTable::default(),
            names: ExpressionNames::default(),
            enums: Vec::new(),
        };
        compiler.slot("/Provenir/Request");
        compiler.slot(&application_path(draft));
        compiler
    }

    fn slot(&mut self, path: &str) -> u16 {
        let known = self.paths.iter().position(|other| other == path);
        let slot = known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        });
        u16::try_from(slot).unwrap_or(u16::MAX)
    }

    fn attribute(&mut self, name: &str) -> AttributeRef {
        let class = self.class(&lower(name));
        let spellings = &mut self.classes[class.0 as usize].spellings;
        let known = spellings.iter().position(|spelling| **spelling == *name);
        let spelling = known.unwrap_or_else(|| {
            spellings.push(name.into());
            spellings.len() - 1
        });
        // A contract has hundreds of mappings, far fewer than 65,536.
        let spelling = u16::try_from(spelling).unwrap_or(OTHER_SPELLING);
        AttributeRef { class, spelling, name: name.into() }
    }

    fn class(&mut self, lower: &str) -> ClassId {
        if let Some(class) = self.class_of.get(lower) {
            return *class;
        }
        let class = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        let (spellings, uses) = (Vec::new(), Vec::new());
        self.classes.push(AttributeClass { lower: lower.into(), spellings, uses });
        self.class_of.insert(lower.into(), class);
        class
    }

    fn contacts(&mut self) -> ContactRules {
        self.attribute("ID");
        let contact = self.child_rule("contact").unwrap_or_else(|| ChildRule {
            type_attribute: self.attribute("ac_role_tp_c"),
            types: Vec::new(),
        });
        let path =
            rule(self.draft, "contact").map_or("", |rule| rule.value.xml_child_path.as_str());
        ContactRules {
            slot: self.slot(path),
            con_id: self.attribute("con_id"),
            type_attribute: contact.type_attribute,
            types: contact.types,
            meaningful: MEANINGFUL.iter().map(|name| self.attribute(name)).collect(),
            address: self.child_rule("address").unwrap_or_else(|| ChildRule {
                type_attribute: self.attribute("address_tp_c"),
                types: Vec::new(),
            }),
            employment: self.child_rule("employment"),
        }
    }

    fn child_rule(&mut self, element_type: &str) -> Option<ChildRule> {
        let rule: &FilterRule = &rule(self.draft, element_type)?.value;
        let (attribute, types) = type_list(rule)?;
        Some(ChildRule {
            type_attribute: self.attribute(attribute),
            types: types.into_iter().map(Into::into).collect(),
        })
    }

    fn table(&mut self, name: &str) -> (ContractTable, Procedure) {
        let draft = self.draft;
        let own: Vec<&FieldMapping> = draft
            .mappings
            .iter()
            .map(|mapping| &mapping.value)
            .filter(|mapping| mapping.table() == name)
            .collect();
        let mut columns = Vec::new();
        let procedure = if let Some(kind) = RowKind::ALL.into_iter().find(|k| k.table() == name) {
            Procedure::Rows(self.row_groups(kind, &own, &mut columns))
        } else {
            match name {
                CONTACT_TABLE => Procedure::ContactBase(self.contact_plan(&own, &mut columns)),
                ADDRESS_TABLE => {
                    Procedure::Children(self.child_plan(ChildKind::Address, &own, &mut columns))
                }
                EMPLOYMENT_TABLE => {
                    Procedure::Children(self.child_plan(ChildKind::Employment, &own, &mut columns))
                }
                _ => Procedure::Application(self.application_plan(name, &own, &mut columns)),
            }
        };
        (ContractTable { name: name.to_owned(), columns }, procedure)
    }

    fn application_plan(
        &mut self,
        table: &str,
        own: &[&FieldMapping],
        columns: &mut Vec<String>,
    ) -> ApplicationPlan {
        let uses_context = calculates(own);
        let context = if uses_context { ContextKind::Application } else { ContextKind::None };
        let setting = Setting { table, context };
        ApplicationPlan {
            mappings: own.iter().map(|m| self.mapping(m, setting, columns)).collect(),
            uses_context,
            always_kept: table == "app_base",
            app_id: column_index(columns, "app_id"),
        }
    }

    fn contact_plan(&mut self, own: &[&FieldMapping], columns: &mut Vec<String>) -> ContactPlan {
        let setting = Setting { table: CONTACT_TABLE, context: ContextKind::Contact };
        ContactPlan {
            mappings: own.iter().map(|m| self.mapping(m, setting, columns)).collect(),
            calculates: calculates(own),
            con_id: column_index(columns, "con_id"),
            app_id: column_index(columns, "app_id"),
        }
    }

    fn child_plan(
        &mut self,
        kind: ChildKind,
        own: &[&FieldMapping],
        columns: &mut Vec<String>,
    ) -> ChildPlan {
        let (table, type_column, presence_columns, attributes): (_, _, &[&str], &[&str]) =
            match kind {
                ChildKind::Address => (
                    ADDRESS_TABLE,
                    "address_type_enum",
                    &["zip", "city", "street_name", "street_number", "state"],
                    &["zip_code", "city", "street_name"],
                ),
                ChildKind::Employment => (
                    EMPLOYMENT_TABLE,
                    "employment_type_enum",
                    &["business_name", "monthly_salary", "job_title", "zip", "city"],
                    &["business_name", "zip_code", "city"],
                ),
            };
        let setting = Setting { table, context: ContextKind::Child };
        let mappings = own.iter().map(|m| self.mapping(m, setting, columns)).collect();
        let witness = |name: &&str| {
            let column = existing_column(columns, name)?;
            Some(PresenceColumn { column, zero_is_blank: *name == "monthly_salary" })
        };
        ChildPlan {
            kind,
            mappings,
            calculates: calculates(own),
            presence_columns: presence_columns.iter().filter_map(witness).collect(),
            presence_attributes: attributes.iter().map(|name| self.attribute(name)).collect(),
            type_column: existing_column(columns, type_column),
            con_id: column_index(columns, "con_id"),
        }
    }

    fn row_groups(
        &mut self,
        kind: RowKind,
        own: &[&FieldMapping],
        columns: &mut Vec<String>,
    ) -> Vec<RowGroup> {
        let fixed: Vec<u16> =
            kind.columns().iter().map(|name| column_index(columns, name)).collect();
        let context = if calculates(own) { ContextKind::Application } else { ContextKind::None };
        let setting = Setting { table: kind.table(), context };
        let parameter_of = |mapping: &FieldMapping| {
            let creator = mapping.types.iter().find(|step| step.name == kind.type_name())?;
            Some(creator.parameter.as_deref().map(Box::from))
        };
        let notes = own.iter().find(|m| kind == RowKind::PolicyException && is_notes(m));
        let mut groups: Vec<RowGroup> = Vec::new();
        for mapping in own {
            // In the reference, too, a mapping without the table's own type creates no row.
            let Some(parameter) = parameter_of(mapping) else { continue };
            if kind == RowKind::PolicyException && is_notes(mapping) {
                continue;
            }
            let member = self.member(mapping, kind, setting, columns);
            let same = |group: &&mut RowGroup| kind.shares_rows() && group.parameter == parameter;
            match groups.iter_mut().find(same) {
                Some(group) => group.members.push(member),
                None => groups.push(RowGroup {
                    kind,
                    notes: notes.map(|notes| self.member(notes, kind, setting, columns)),
                    fixed: fixed_values(kind, &member, parameter.as_deref()),
                    columns: fixed.clone(),
                    parameter,
                    members: vec![member],
                }),
            }
        }
        groups
    }

    /// Compiles a mapping of a group. It names a column only if the group shares a row.
    fn member(
        &mut self,
        mapping: &FieldMapping,
        kind: RowKind,
        setting: Setting<'_>,
        columns: &mut Vec<String>,
    ) -> Mapping {
        let mut none = Vec::new();
        let columns = if kind.shares_rows() { columns } else { &mut none };
        self.mapping(mapping, setting, columns)
    }

    fn mapping(
        &mut self,
        mapping: &FieldMapping,
        setting: Setting<'_>,
        columns: &mut Vec<String>,
    ) -> Mapping {
        let data_type = DataType::parse(mapping.data_type.as_deref().unwrap_or_default());
        let types = &mapping.types;
        let known = columns.len();
        let column = column_index(columns, mapping.column());
        let lookup = self.lookup(mapping, types, setting);
        let chain = self.chain(mapping, types);
        Mapping {
            index: mapping.index,
            column,
            shares_column: usize::from(column) < known,
            lookup,
            attribute: mapping.attribute().into(),
            segment: last_segment(mapping.path()).into(),
            only_cuts: matches!(data_type, DataType::String | DataType::Other)
                && matches!(chain[..], [] | [Step::General]),
            chain,
            data_type,
            length: length_of(mapping),
            nullable: mapping.nullable.unwrap_or(false),
            default: default_of(mapping, data_type),
        }
    }

    /// Applies the rules of section 8 in order.
    fn lookup(
        &mut self,
        mapping: &FieldMapping,
        types: &[TypeName],
        setting: Setting<'_>,
    ) -> Lookup {
        let has = |name: &str| types.iter().any(|step| step.name == name);
        if has("last_valid_pr_contact") {
            return Lookup::LastValid(self.last_valid(mapping, setting, ContactRole::First));
        }
        if has("last_valid_sec_contact") {
            return Lookup::LastValid(self.last_valid(mapping, setting, ContactRole::Second));
        }
        let attribute = self.attribute(mapping.attribute());
        if has("authu_contact") {
            return Lookup::Authorized { card: mapping.path().contains(CARD), attribute };
        }
        if has("calculated_field") {
            return Lookup::Calculated;
        }
        if setting.context == ContextKind::Contact && mapping.path() == APPLICATION_PATH {
            let slot = self.slot(APPLICATION_PATH);
            return Lookup::ApplicationElement { slot, attribute };
        }
        if setting.context == ContextKind::Child {
            return Lookup::Child(attribute);
        }
        let makes_rows = RowKind::ALL.iter().any(|kind| kind.table() == setting.table);
        let sees_context = setting.context != ContextKind::None && !makes_rows;
        if sees_context && mapping.path().contains("contact") {
            return self.in_context(mapping, setting, attribute);
        }
        let slot = self.slot(mapping.path());
        Lookup::Path { slot, field: self.fields.intern(slot, attribute.class), attribute }
    }

    fn last_valid(
        &mut self,
        mapping: &FieldMapping,
        setting: Setting<'_>,
        role: ContactRole,
    ) -> LastValid {
        let address = kept_names(self.draft).address;
        let of_address = setting.table == ADDRESS_TABLE || mapping.path().contains(&address);
        let below = if of_address {
            LookupScope::Addresses
        } else if role == ContactRole::First && mapping.path().contains(CARD) {
            LookupScope::Card
        } else {
            LookupScope::Nothing
        };
        LastValid {
            role,
            below,
            attribute: self.attribute(mapping.attribute()),
            earlier_contacts: role == ContactRole::First && setting.table == HISTORY_TABLE,
        }
    }

    /// Rule 4: the context's own key, or a descent along the remaining segments of the path.
    fn in_context(
        &mut self,
        mapping: &FieldMapping,
        setting: Setting<'_>,
        attribute: AttributeRef,
    ) -> Lookup {
        let mut segments = mapping.path().split('/').skip_while(|s| !s.contains("contact")).skip(1);
        match segments.next() {
            None if setting.context == ContextKind::Contact => Lookup::Contact(attribute),
            None => Lookup::Context {
                exact: self.names.exact(mapping.attribute()),
                folded: self.names.folded(mapping.attribute()),
            },
            Some(LITERAL_ADDRESS | "contact_employment") if segments.next().is_none() => {
                Lookup::ChildList
            }
            Some(_) => Lookup::Nothing,
        }
    }

    fn chain(&mut self, mapping: &FieldMapping, types: &[TypeName]) -> Vec<Step> {
        let mut chain = Vec::with_capacity(types.len());
        for (index, step) in types.iter().enumerate() {
            match step.name.as_str() {
                "last_valid_pr_contact" | "last_valid_sec_contact" | "authu_contact" => {
                    chain.push(Step::Keep);
                }
                "curr_address_only" => {
                    chain.push(Step::CurrentAddress {
                        attribute: self.attribute(mapping.attribute()),
                        con_id: self.names.exact("con_id"),
                    });
                }
                "enum" => chain.push(Step::Enum(self.enumeration(mapping))),
                "char_to_bit" => chain.push(Step::CharToBit),
                "boolean_to_bit" => chain.push(Step::BooleanToBit),
                "calculated_field" => {
                    let expression = mapping.expression.as_deref();
                    chain.push(Step::Calculated(
                        expression.map(|text| Expression::compile(text, &mut self.names)),
                    ));
                    if types.get(index + 1).is_some_and(|next| next.name == "enum") {
                        chain.push(Step::OriginalIfNull {
                            exact: self.names.exact(mapping.attribute()),
                            folded: self.names.folded(mapping.attribute()),
                        });
                    }
                }
                "numbers_only" => chain.push(Step::Digits { again: true }),
                "extract_numeric" => chain.push(Step::Digits { again: false }),
                "default_getutcdate_if_null" => chain.push(Step::NowIfBlank),
                _ => chain.push(Step::General),
            }
        }
        chain
    }

    fn enumeration(&mut self, mapping: &FieldMapping) -> usize {
        let name = enum_name(mapping).unwrap_or_default();
        if let Some(known) = self.enums.iter().position(|(other, _)| *other == name) {
            return known;
        }
        let json = self.draft.head.enum_mappings.get(&name).cloned().unwrap_or_default();
        self.enums.push((name, enum_map(&json)));
        self.enums.len() - 1
    }

    /// Adds to every attribute class the expression names that such an attribute can answer (13).
    fn register_names(&mut self) {
        let wanted: Vec<_> = self
            .names
            .iter()
            .map(|(id, name)| (id, name.text.clone(), name.matching == Match::Exact))
            .collect();
        for (name, text, exact) in wanted {
            self.register(name, None, &text, exact);
            for (dot, _) in text.match_indices('.') {
                self.register(name, Some(&text[..dot]), &text[dot + 1..], exact);
            }
        }
    }

    fn register(&mut self, name: NameId, prefix: Option<&str>, rest: &str, exact: bool) {
        let class = self.class(&lower(rest));
        let prefix =
            prefix.map(|prefix| if exact { prefix.into() } else { lower(prefix).as_ref().into() });
        let rest = if exact { rest.into() } else { lower(rest).as_ref().into() };
        self.classes[class.0 as usize].uses.push(NameUse { name, prefix, rest, exact });
    }
}

/// Values of the kind's columns that are the same in every row of a group (11.1 to 11.7).
fn fixed_values(kind: RowKind, member: &Mapping, parameter: Option<&str>) -> Vec<Option<Value>> {
    let text = |text: &str| Some(Value::Text(text.into()));
    // Parameter as the number of a type or a slot.
    let number = || {
        let digits = parameter.unwrap_or_default();
        integer_if_digits(digits).or_else(|| text(digits))
    };
    match kind {
        RowKind::Score | RowKind::Indicator => vec![None, parameter.and_then(text), None],
        RowKind::History => vec![
            None,
            text(&format!("[{}]", member.attribute)),
            text(&format!("[{}]", member.segment)),
            None,
        ],
        RowKind::ReportLookup => {
            vec![None, text(&member.attribute), parameter.and_then(text), None]
        }
        RowKind::PolicyException => vec![None, number(), None, None],
        RowKind::Collateral => vec![None, number()],
        RowKind::Warranty => vec![None, number(), None],
    }
}

/// True for `policy_exceptions()`, which adds notes to all rows and creates none (11.5).
fn is_notes(mapping: &FieldMapping) -> bool {
    mapping.types.iter().any(|step| {
        step.name == RowKind::PolicyException.type_name()
            && step.parameter.as_deref().unwrap_or_default().is_empty()
    })
}

fn calculates(own: &[&FieldMapping]) -> bool {
    own.iter().any(|mapping| mapping.has_type("calculated_field"))
}

/// Index of a column; adds a new one. SQL Server allows 1,024 columns per table, so 16 bits
/// suffice.
fn column_index(columns: &mut Vec<String>, name: &str) -> u16 {
    existing_column(columns, name).unwrap_or_else(|| {
        columns.push(name.to_owned());
        u16::try_from(columns.len() - 1).unwrap_or(u16::MAX)
    })
}

fn existing_column(columns: &[String], name: &str) -> Option<u16> {
    let index = columns.iter().position(|column| column == name)?;
    u16::try_from(index).ok()
}
