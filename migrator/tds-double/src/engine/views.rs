//! Catalogue views, and views of the server's state. The latter are rejected (error 300) unless a
//! test supplies their rows.

use std::collections::HashMap;

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::Type;
use crate::data::values::Datum;
use crate::engine::catalog::{Catalog, Table, same};
use crate::engine::plan::SessionFacts;
use crate::protocol::tokens::OutColumn;
use crate::sql::ast::{ColumnDef, Expr, Name};

pub(crate) const VERSION: &str = "Microsoft SQL Server 2022 - 16.0.4165.4 (X64) (test double)";

/// Numbers of the types in `sys.types`.
pub(crate) const TYPE_IDS: [(i64, &str); 23] = [
    (104, "bit"),
    (48, "tinyint"),
    (52, "smallint"),
    (56, "int"),
    (127, "bigint"),
    (59, "real"),
    (62, "float"),
    (122, "smallmoney"),
    (60, "money"),
    (106, "decimal"),
    (108, "numeric"),
    (175, "char"),
    (167, "varchar"),
    (239, "nchar"),
    (231, "nvarchar"),
    (173, "binary"),
    (165, "varbinary"),
    (40, "date"),
    (41, "time"),
    (58, "smalldatetime"),
    (61, "datetime"),
    (42, "datetime2"),
    (36, "uniqueidentifier"),
];

/// A view that a test has filled.
#[derive(Debug, Clone)]
pub(crate) struct FilledView {
    pub(crate) columns: Vec<OutColumn>,
    pub(crate) rows: Vec<Vec<Datum>>,
}

/// Rows of the system views, by view name in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    pub(crate) canned: HashMap<String, FilledView>,
}

type Rows = Vec<Vec<Datum>>;
type View = (Vec<OutColumn>, Rows);

impl Views {
    /// The columns and rows of a view; `None` if there is no view of this name.
    pub(crate) fn view(
        &self,
        name: &Name,
        catalog: &Catalog,
        facts: &SessionFacts,
    ) -> Sql<Option<View>> {
        let schema = name.schema().unwrap_or_default().to_lowercase();
        let object = name.object().to_lowercase();
        if schema != "sys" && schema != "information_schema" {
            return Ok(None);
        }
        if let Some(canned) = self.canned.get(&object) {
            return Ok(Some((canned.columns.clone(), canned.rows.clone())));
        }
        if object.starts_with("dm_") {
            let message = "VIEW SERVER PERFORMANCE STATE permission was denied on object 'server', \
                           database 'master'.";
            return Err(SqlError::new(300, 14, Effect::Batch, message));
        }
        let view = if schema == "sys" {
            system(&object, catalog, facts)
        } else {
            information(&object, catalog, facts)
        };
        view.map(Some).ok_or_else(|| SqlError::unknown_object(&name.shown()))
    }
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

fn int(number: impl TryInto<i64>) -> Datum {
    Datum::Int(number.try_into().unwrap_or(0))
}

fn bit(bit: bool) -> Datum {
    Datum::Int(bit.into())
}

/// Columns from `name:type` with `i` int, `t` text, `b` bit, `y` tinyint, `s` smallint.
fn columns(list: &str) -> Vec<OutColumn> {
    list.split(' ')
        .filter(|one| !one.is_empty())
        .map(|one| {
            let (name, kind) = one.split_once(':').unwrap_or((one, "t"));
            let of = match kind {
                "i" => Type::Int,
                "b" => Type::Bit,
                "y" => Type::TinyInt,
                "s" => Type::SmallInt,
                "c" => Type::Char(2),
                "m" => Type::NVarChar(None),
                "l" => Type::BigInt,
                _ => Type::NVarChar(Some(128)),
            };
            OutColumn::plain(name, of)
        })
        .collect()
}

fn each_column(table: &Table) -> impl Iterator<Item = (usize, &ColumnDef)> {
    table.columns.iter().enumerate().map(|(place, column)| (place + 1, column))
}

/// The number of a schema that a table names.
fn schema_id(catalog: &Catalog, table: &Table) -> i64 {
    catalog.schema(&table.schema).map_or(1, |(id, _)| *id)
}

/// A number for a constraint or default of a table.
fn part_id(table: &Table, kind: i64, place: usize) -> i64 {
    table.id * 1_000 + kind * 100 + i64::try_from(place).unwrap_or(0)
}

pub(crate) fn type_id(of: Type) -> i64 {
    let name = if matches!(of, Type::Decimal { .. }) { "decimal" } else { of.name() };
    TYPE_IDS.iter().find(|(_, known)| *known == name).map_or(0, |(id, _)| *id)
}

/// Bytes as in `sys.columns`; -1 for `max`.
pub(crate) fn max_length(of: Type) -> i64 {
    match of {
        Type::Bit | Type::TinyInt => 1,
        Type::SmallInt => 2,
        Type::Int | Type::Real | Type::SmallMoney | Type::SmallDateTime => 4,
        Type::Char(n) | Type::Binary(n) => n.into(),
        Type::NChar(n) => i64::from(n) * 2,
        Type::VarChar(n) | Type::VarBinary(n) => n.map_or(-1, Into::into),
        Type::NVarChar(n) => n.map_or(-1, |n| i64::from(n) * 2),
        Type::Decimal { precision, .. } => crate::data::types::decimal_bytes(precision).into(),
        Type::Date => 3,
        Type::Guid => 16,
        Type::Xml => -1,
        Type::Time(n) => {
            if n < 3 {
                3
            } else if n < 5 {
                4
            } else {
                5
            }
        }
        Type::DateTime2(n) => {
            if n < 3 {
                6
            } else if n < 5 {
                7
            } else {
                8
            }
        }
        Type::DateTimeOffset(n) => {
            if n < 3 {
                8
            } else if n < 5 {
                9
            } else {
                10
            }
        }
        _ => 8,
    }
}

/// Total digits and digits after the point or the seconds, as in `sys.columns`.
fn digits(of: Type) -> (i64, i64) {
    match of {
        Type::Decimal { precision, scale } => (precision.into(), scale.into()),
        Type::Bit => (1, 0),
        Type::TinyInt => (3, 0),
        Type::SmallInt => (5, 0),
        Type::Int | Type::Date => (10, 0),
        Type::BigInt => (19, 0),
        Type::Real => (24, 0),
        Type::Float => (53, 0),
        Type::Money => (19, 4),
        Type::SmallMoney => (10, 4),
        Type::DateTime => (23, 3),
        Type::SmallDateTime => (16, 0),
        Type::DateTime2(n) => (if n == 0 { 19 } else { 20 + i64::from(n) }, n.into()),
        Type::Time(n) => (if n == 0 { 8 } else { 9 + i64::from(n) }, n.into()),
        Type::DateTimeOffset(n) => (if n == 0 { 26 } else { 27 + i64::from(n) }, n.into()),
        _ => (0, 0),
    }
}

/// The text of a default or a computation in parentheses, as the server shows it.
fn definition(expr: &Expr) -> String {
    fn bare(expr: &Expr) -> String {
        match expr {
            Expr::Int(number) => format!("({number})"),
            Expr::Decimal(text) => format!("({text})"),
            Expr::Float(number) => format!("({number})"),
            Expr::Text(text, national) => {
                format!("{}'{}'", if *national { "N" } else { "" }, text.replace('\'', "''"))
            }
            Expr::Column(parts) => format!("[{}]", parts.join("].[")),
            Expr::Call { name, arguments, .. } => {
                let arguments: Vec<_> = arguments.iter().map(bare).collect();
                format!("{}({})", name.to_lowercase(), arguments.join(","))
            }
            Expr::Binary(operator, left, right) => {
                format!("{}{operator}{}", bare(left), bare(right))
            }
            other => format!("{other:?}"),
        }
    }
    format!("({})", bare(expr))
}

fn system(name: &str, catalog: &Catalog, facts: &SessionFacts) -> Option<View> {
    of_objects(name, catalog, facts)
        .or_else(|| of_columns(name, catalog))
        .or_else(|| of_keys(name, catalog))
        .or_else(|| of_foreign_keys(name, catalog))
}

fn of_objects(name: &str, catalog: &Catalog, facts: &SessionFacts) -> Option<View> {
    let tables = || catalog.tables.iter();
    Some(match name {
        "schemas" => (
            columns("name schema_id:i principal_id:i"),
            catalog.schemas.iter().map(|(id, name)| vec![text(name), int(*id), int(1)]).collect(),
        ),
        "databases" => (
            columns(
                "name database_id:i recovery_model_desc is_read_committed_snapshot_on:b compatibility_level:y",
            ),
            vec![vec![text(&facts.database), int(5), text("FULL"), bit(true), int(160)]],
        ),
        "tables" | "objects" => (
            columns("name object_id:i schema_id:i type:c type_desc is_ms_shipped:b"),
            tables()
                .map(|t| {
                    let schema = schema_id(catalog, t);
                    vec![
                        text(&t.name),
                        int(t.id),
                        int(schema),
                        text("U "),
                        text("USER_TABLE"),
                        bit(false),
                    ]
                })
                .collect(),
        ),
        "types" => (
            columns(
                "name system_type_id:y user_type_id:i max_length:s precision:y scale:y is_user_defined:b",
            ),
            TYPE_IDS
                .iter()
                .map(|(id, name)| {
                    vec![text(name), int(*id), int(*id), int(8), int(0), int(0), bit(false)]
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn of_columns(name: &str, catalog: &Catalog) -> Option<View> {
    let tables = || catalog.tables.iter();
    Some(match name {
        "columns" | "all_columns" => {
            (columns_of_columns(), tables().flat_map(|t| rows_of_columns(t)).collect())
        }
        "computed_columns" => (
            columns("object_id:i name column_id:i definition:m is_persisted:b"),
            tables()
                .flat_map(|t| each_column(t).map(move |(id, c)| (t, id, c)))
                .filter_map(|(t, id, c)| {
                    let definition = definition(c.computed.as_ref()?);
                    Some(vec![int(t.id), text(&c.name), int(id), text(&definition), bit(false)])
                })
                .collect(),
        ),
        "identity_columns" => (
            columns("object_id:i name column_id:i seed_value:l increment_value:l"),
            tables()
                .flat_map(|t| each_column(t).map(move |(id, c)| (t, id, c)))
                .filter_map(|(t, id, c)| {
                    let (seed, step) = c.identity?;
                    Some(vec![int(t.id), text(&c.name), int(id), int(seed), int(step)])
                })
                .collect(),
        ),
        "default_constraints" => (
            columns("name object_id:i parent_object_id:i parent_column_id:i definition:m"),
            tables()
                .flat_map(|t| each_column(t).map(move |(id, c)| (t, id, c)))
                .filter_map(|(t, id, c)| {
                    let definition = definition(c.default.as_ref()?);
                    let name = format!("DF__{}__{}", t.name, c.name);
                    Some(vec![
                        text(&name),
                        int(part_id(t, 1, id)),
                        int(t.id),
                        int(id),
                        text(&definition),
                    ])
                })
                .collect(),
        ),
        "check_constraints" => (
            columns("name object_id:i parent_object_id:i definition:m"),
            tables()
                .flat_map(|t| t.checks.iter().enumerate().map(move |(at, check)| (t, at, check)))
                .map(|(t, at, (name, of))| {
                    vec![text(name), int(part_id(t, 2, at)), int(t.id), text(&definition(of))]
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn of_keys(name: &str, catalog: &Catalog) -> Option<View> {
    let tables = || catalog.tables.iter();
    Some(match name {
        "indexes" => (
            columns(
                "object_id:i name index_id:i type:y type_desc is_unique:b is_primary_key:b is_unique_constraint:b is_disabled:b has_filter:b",
            ),
            tables().flat_map(|t| rows_of_indexes(t)).collect(),
        ),
        "index_columns" => (
            columns(
                "object_id:i index_id:i index_column_id:i column_id:i key_ordinal:y is_included_column:b",
            ),
            tables()
                .flat_map(|t| t.keys.iter().enumerate().map(move |(at, key)| (t, at, key)))
                .flat_map(|(t, at, key)| {
                    key.columns.iter().enumerate().map(move |(of, place)| (t, at, of, *place))
                })
                .map(|(t, at, of, place)| {
                    vec![
                        int(t.id),
                        int(at + 1),
                        int(of + 1),
                        int(place + 1),
                        int(of + 1),
                        bit(false),
                    ]
                })
                .collect(),
        ),
        "key_constraints" => (
            columns(
                "name object_id:i parent_object_id:i schema_id:i type:c type_desc unique_index_id:i",
            ),
            tables()
                .flat_map(|t| t.keys.iter().enumerate().map(move |(at, key)| (t, at, key)))
                .filter(|(.., key)| key.constraint)
                .map(|(t, at, key)| {
                    let (kind, of) = if key.primary {
                        ("PK", "PRIMARY_KEY_CONSTRAINT")
                    } else {
                        ("UQ", "UNIQUE_CONSTRAINT")
                    };
                    let schema = schema_id(catalog, t);
                    vec![
                        text(&key.name),
                        int(part_id(t, 3, at)),
                        int(t.id),
                        int(schema),
                        text(kind),
                        text(of),
                        int(at + 1),
                    ]
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn of_foreign_keys(name: &str, catalog: &Catalog) -> Option<View> {
    let tables = || catalog.tables.iter();
    Some(match name {
        "foreign_keys" => (
            columns(
                "name object_id:i parent_object_id:i referenced_object_id:i schema_id:i delete_referential_action:y delete_referential_action_desc is_not_trusted:b is_disabled:b",
            ),
            tables()
                .flat_map(|t| t.foreign.iter().enumerate().map(move |(at, key)| (t, at, key)))
                .map(|(t, at, key)| {
                    let action = if key.cascade { "CASCADE" } else { "NO_ACTION" };
                    vec![
                        text(&key.name),
                        int(part_id(t, 4, at)),
                        int(t.id),
                        int(key.parent),
                        int(schema_id(catalog, t)),
                        bit(key.cascade),
                        text(action),
                        bit(false),
                        bit(false),
                    ]
                })
                .collect(),
        ),
        "foreign_key_columns" => (
            columns(
                "constraint_object_id:i constraint_column_id:i parent_object_id:i parent_column_id:i referenced_object_id:i referenced_column_id:i",
            ),
            tables()
                .flat_map(|t| t.foreign.iter().enumerate().map(move |(at, key)| (t, at, key)))
                .flat_map(|(t, at, key)| {
                    key.columns.iter().zip(&key.parent_columns).enumerate().map(
                        move |(of, (child, parent))| {
                            vec![
                                int(part_id(t, 4, at)),
                                int(of + 1),
                                int(t.id),
                                int(child + 1),
                                int(key.parent),
                                int(parent + 1),
                            ]
                        },
                    )
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn columns_of_columns() -> Vec<OutColumn> {
    columns(
        "object_id:i name column_id:i system_type_id:y user_type_id:i max_length:s precision:y scale:y collation_name is_nullable:b is_identity:b is_computed:b default_object_id:i",
    )
}

fn rows_of_columns(table: &Table) -> Rows {
    each_column(table)
        .map(|(id, column)| {
            let (precision, scale) = digits(column.of);
            let is_text = column.of.family() == crate::data::types::Family::Text;
            let collation =
                if is_text { text("SQL_Latin1_General_CP1_CI_AS") } else { Datum::Null };
            let default = if column.default.is_some() { part_id(table, 1, id) } else { 0 };
            vec![
                int(table.id),
                text(&column.name),
                int(id),
                int(type_id(column.of)),
                int(type_id(column.of)),
                int(max_length(column.of)),
                int(precision),
                int(scale),
                collation,
                bit(column.nullable),
                bit(column.identity.is_some()),
                bit(column.computed.is_some()),
                int(default),
            ]
        })
        .collect()
}

fn rows_of_indexes(table: &Table) -> Rows {
    table
        .keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let (kind, of) = if key.primary { (1, "CLUSTERED") } else { (2, "NONCLUSTERED") };
            vec![
                int(table.id),
                text(&key.name),
                int(at + 1),
                int(kind),
                text(of),
                bit(key.unique),
                bit(key.primary),
                bit(key.constraint && !key.primary),
                bit(false),
                bit(false),
            ]
        })
        .collect()
}

fn information(name: &str, catalog: &Catalog, facts: &SessionFacts) -> Option<View> {
    let database = || text(&facts.database);
    let tables = || catalog.tables.iter();
    let keys = || {
        tables().flat_map(|t| t.keys.iter().filter(|key| key.constraint).map(move |key| (t, key)))
    };
    Some(match name {
        "schemata" => (
            columns("catalog_name schema_name schema_owner"),
            catalog
                .schemas
                .iter()
                .map(|(_, name)| vec![database(), text(name), text("dbo")])
                .collect(),
        ),
        "tables" => (
            columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE"),
            tables()
                .map(|t| vec![database(), text(&t.schema), text(&t.name), text("BASE TABLE")])
                .collect(),
        ),
        "columns" => (
            columns(
                "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:i COLUMN_DEFAULT:m IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH:i NUMERIC_PRECISION:y NUMERIC_SCALE:i DATETIME_PRECISION:s",
            ),
            tables()
                .flat_map(|t| each_column(t).map(move |(id, c)| (t, id, c)))
                .map(|(t, id, c)| information_column(facts, t, id, c))
                .collect(),
        ),
        "table_constraints" => (
            columns(
                "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE",
            ),
            keys()
                .map(|(t, key)| {
                    let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
                    vec![
                        database(),
                        text(&t.schema),
                        text(&key.name),
                        text(&t.schema),
                        text(&t.name),
                        text(kind),
                    ]
                })
                .collect(),
        ),
        "key_column_usage" => (
            columns(
                "CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:i",
            ),
            keys()
                .flat_map(|(t, key)| {
                    key.columns.iter().enumerate().map(move |(at, place)| (t, key, at, *place))
                })
                .map(|(t, key, at, place)| {
                    vec![
                        text(&t.schema),
                        text(&key.name),
                        text(&t.schema),
                        text(&t.name),
                        text(&t.columns[place].name),
                        int(at + 1),
                    ]
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn information_column(
    facts: &SessionFacts,
    table: &Table,
    id: usize,
    column: &ColumnDef,
) -> Vec<Datum> {
    use crate::data::types::Family;
    let family = column.of.family();
    let (precision, scale) = digits(column.of);
    let only = |is: bool, number: i64| if is { int(number) } else { Datum::Null };
    let characters = match column.of {
        Type::NChar(_) | Type::NVarChar(Some(_)) => max_length(column.of) / 2,
        of => max_length(of),
    };
    let name = if matches!(column.of, Type::Decimal { .. }) { "decimal" } else { column.of.name() };
    vec![
        text(&facts.database),
        text(&table.schema),
        text(&table.name),
        text(&column.name),
        int(id),
        column.default.as_ref().map_or(Datum::Null, |default| text(&definition(default))),
        text(if column.nullable { "YES" } else { "NO" }),
        text(name),
        only(matches!(family, Family::Text | Family::Bytes), characters),
        only(
            matches!(family, Family::Whole | Family::Exact | Family::Approximate)
                && !same(name, "bit"),
            precision,
        ),
        only(matches!(family, Family::Whole | Family::Exact) && !same(name, "bit"), scale),
        only(family == Family::Time, scale),
    ]
}
