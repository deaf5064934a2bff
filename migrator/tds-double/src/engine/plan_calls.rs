//! Functions: those that a session evaluates without a statement, and those that `SQLite` computes.

use crate::data::convert::{common, convert};
use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Family, Type};
use crate::data::values::{Datum, moment_text, now};
use crate::engine::plan::{NO_SCOPE, Planner, Scope, TypedSql, collation, converted};
use crate::sql::ast::{Expr, Name};

const SYSNAME: Type = Type::NVarChar(Some(128));

impl Planner<'_> {
    /// The value of a call that depends on no table; `None` if it depends on one.
    pub(crate) fn known_call(&self, name: &str, arguments: &[Expr]) -> Sql<Option<(Datum, Type)>> {
        let facts = self.facts;
        let text = |text: &str| (Datum::Text(text.to_owned()), SYSNAME);
        Ok(Some(match name {
            "GETUTCDATE" | "GETDATE" => {
                let datetime2 = Datum::Text(moment_text(now(), Type::DateTime2(7)));
                (convert(&datetime2, Type::DateTime2(7), Type::DateTime)?, Type::DateTime)
            }
            "SYSUTCDATETIME" | "SYSDATETIME" => {
                (Datum::Text(moment_text(now(), Type::DateTime2(7))), Type::DateTime2(7))
            }
            "DB_NAME" => text(&facts.database),
            "DB_ID" => (Datum::Int(5), Type::Int),
            "SCHEMA_NAME" if arguments.is_empty() => text("dbo"),
            "SUSER_SNAME" | "SYSTEM_USER" | "ORIGINAL_LOGIN" | "USER_NAME" => text(&facts.user),
            "APP_NAME" => text(&facts.application),
            "XACT_STATE" => (Datum::Int(facts.xact_state), Type::SmallInt),
            "SCOPE_IDENTITY" => {
                let of = Type::Decimal { precision: 38, scale: 0 };
                (convert(&facts.identity, Type::BigInt, of)?, of)
            }
            "NEWID" => (Datum::Text(new_guid()), Type::Guid),
            "OBJECT_ID" | "SCHEMA_ID" | "SERVERPROPERTY" | "TYPE_ID" | "COL_LENGTH"
            | "OBJECT_NAME" | "SCHEMA_NAME" | "HAS_PERMS_BY_NAME" | "DATABASEPROPERTYEX" => {
                let mut values = Vec::new();
                for argument in arguments {
                    match self.known(argument)? {
                        Some((value, _)) => values.push(value),
                        None => return Ok(None),
                    }
                }
                self.metadata(name, &values)
            }
            _ => return Ok(None),
        }))
    }

    fn metadata(&self, name: &str, values: &[Datum]) -> (Datum, Type) {
        let first = values.first().map(Datum::shown).unwrap_or_default();
        let number = |found: Option<i64>| (found.map_or(Datum::Null, Datum::Int), Type::Int);
        match name {
            "OBJECT_ID" => {
                let of_tables = values.get(1).is_none_or(|kind| {
                    ["U", "IT"].contains(&kind.shown().trim().to_uppercase().as_str())
                });
                let table = split_name(&first).and_then(|name| self.catalog.find(&name));
                number(table.filter(|_| of_tables).map(|table| table.id))
            }
            "SCHEMA_ID" => number(self.catalog.schema(&first).map(|(id, _)| *id)),
            "OBJECT_NAME" | "SCHEMA_NAME" => {
                let id = first.parse().unwrap_or(-1);
                let found = if name == "OBJECT_NAME" {
                    self.catalog.by_id(id).map(|table| table.name.clone())
                } else {
                    self.catalog.schemas.iter().find(|(of, _)| *of == id).map(|(_, n)| n.clone())
                };
                (found.map_or(Datum::Null, Datum::Text), SYSNAME)
            }
            "COL_LENGTH" => {
                let column = values.get(1).map(Datum::shown).unwrap_or_default();
                let table = split_name(&first).and_then(|name| self.catalog.find(&name));
                let place =
                    table.and_then(|table| table.place(&column).ok().map(|p| table.type_of(p)));
                number(place.map(crate::engine::views::max_length))
            }
            "HAS_PERMS_BY_NAME" => (Datum::Int(0), Type::Int),
            _ => {
                let property = match first.to_lowercase().as_str() {
                    "productversion" => Datum::Text("16.0.4165.4".to_owned()),
                    "edition" => Datum::Text("Test double (64-bit)".to_owned()),
                    "engineedition" => Datum::Int(3),
                    "productmajorversion" => Datum::Text("16".to_owned()),
                    "productlevel" => Datum::Text("RTM".to_owned()),
                    "servername" | "machinename" => Datum::Text("double".to_owned()),
                    "collation" => Datum::Text("SQL_Latin1_General_CP1_CI_AS".to_owned()),
                    _ => Datum::Null,
                };
                let of = if matches!(property, Datum::Int(_)) { Type::Int } else { SYSNAME };
                (property, of)
            }
        }
    }

    pub(crate) fn call(
        &mut self,
        name: &str,
        arguments: &[Expr],
        distinct: bool,
        scope: &Scope<'_>,
    ) -> Sql<TypedSql> {
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.expr(argument, scope)?);
        }
        let first = values.first().cloned();
        let wanted = |count: usize| {
            if values.len() == count { Ok(()) } else { Err(wrong_arguments(name, count)) }
        };
        let distinct = if distinct { "DISTINCT " } else { "" };
        match (name, first) {
            ("COUNT" | "COUNT_BIG", first) => {
                let of = if name == "COUNT" { Type::Int } else { Type::BigInt };
                let inside = first.map_or("*".to_owned(), |first| collated_text(&first));
                let count = Self::typed(format!("count({distinct}{inside})"), of);
                Ok(TypedSql { nullable: false, ..count })
            }
            ("MIN" | "MAX", Some(first)) => {
                let sql = format!("{}({})", name.to_lowercase(), collated_text(&first));
                Ok(Self::typed(sql, first.of))
            }
            ("SUM" | "AVG", Some(first)) => sum(name, &first),
            ("ISNULL", Some(first)) => {
                wanted(2)?;
                let other = converted(&values[1].sql, values[1].of, first.of);
                let of = if first.of == Type::Null { values[1].of } else { first.of };
                let nullable = values[1].nullable;
                let sql = format!("ifnull({}, {other})", first.sql);
                Ok(TypedSql { nullable, ..Self::typed(sql, of) })
            }
            ("COALESCE", Some(_)) => {
                let meet = values.iter().fold(Type::Null, |meet, one| common(meet, one.of));
                let parts: Vec<_> =
                    values.iter().map(|one| converted(&one.sql, one.of, meet)).collect();
                Ok(Self::typed(format!("coalesce({})", parts.join(", ")), meet))
            }
            ("IIF", Some(first)) => {
                wanted(3)?;
                let meet = common(values[1].of, values[2].of);
                let (then, otherwise) = (
                    converted(&values[1].sql, values[1].of, meet),
                    converted(&values[2].sql, values[2].of, meet),
                );
                let sql = format!("(CASE WHEN {} THEN {then} ELSE {otherwise} END)", first.sql);
                Ok(Self::typed(sql, meet))
            }
            ("NULLIF", Some(first)) => {
                wanted(2)?;
                Ok(Self::typed(format!("nullif({}, {})", first.sql, values[1].sql), first.of))
            }
            (_, Some(first)) => self.text_call(name, &first, &values),
            (name, None) => Err(unknown_function(name)),
        }
    }

    fn text_call(&mut self, name: &str, first: &TypedSql, values: &[TypedSql]) -> Sql<TypedSql> {
        let list: Vec<_> = values.iter().map(|value| value.sql.as_str()).collect();
        let same = |sql: String| Ok(Self::typed(sql, first.of));
        match name {
            "LEN" => Ok(Self::typed(format!("length(rtrim({}, ' '))", first.sql), Type::Int)),
            "DATALENGTH" => {
                let factor =
                    if matches!(first.of, Type::NVarChar(_) | Type::NChar(_)) { 2 } else { 1 };
                Ok(Self::typed(format!("(length({}) * {factor})", first.sql), Type::Int))
            }
            "UPPER" | "LOWER" | "LTRIM" | "RTRIM" | "TRIM" => {
                same(format!("{}({})", name.to_lowercase(), list.join(", ")))
            }
            "REPLACE" if values.len() == 3 => same(format!("replace({})", list.join(", "))),
            "LEFT" if values.len() == 2 => Ok(Self::typed(
                format!("substr({}, 1, {})", list[0], list[1]),
                shortened(first, &values[1]),
            )),
            // In `SQLite` a negative position counts from the end.
            "RIGHT" if values.len() == 2 => Ok(Self::typed(
                format!("substr({}, -({}))", list[0], list[1]),
                shortened(first, &values[1]),
            )),
            "SUBSTRING" if values.len() == 3 => same(format!("substr({})", list.join(", "))),
            "CONCAT" => {
                let text = Type::NVarChar(Some(4_000));
                let parts: Vec<_> = values
                    .iter()
                    .map(|value| format!("ifnull({}, '')", converted(&value.sql, value.of, text)))
                    .collect();
                Ok(Self::typed(format!("({})", parts.join(" || ")), text))
            }
            "STRING_AGG" if values.len() == 2 => Ok(Self::typed(
                format!("group_concat({})", list.join(", ")),
                Type::NVarChar(Some(4_000)),
            )),
            "OBJECT_NAME" | "SCHEMA_NAME" | "TYPE_NAME" | "OBJECT_ID" | "SCHEMA_ID"
            | "COLUMNPROPERTY" | "OBJECT_SCHEMA_NAME" => self.metadata_of_rows(name, first, values),
            other => Err(unknown_function(other)),
        }
    }

    /// Metadata functions over columns: a `CASE` of all values.
    fn metadata_of_rows(
        &mut self,
        name: &str,
        first: &TypedSql,
        values: &[TypedSql],
    ) -> Sql<TypedSql> {
        let tables = &self.catalog.tables;
        let pairs: Vec<(Datum, Datum)> = match name {
            "OBJECT_NAME" => {
                tables.iter().map(|t| (Datum::Int(t.id), Datum::Text(t.name.clone()))).collect()
            }
            "OBJECT_SCHEMA_NAME" => {
                tables.iter().map(|t| (Datum::Int(t.id), Datum::Text(t.schema.clone()))).collect()
            }
            "SCHEMA_NAME" => self
                .catalog
                .schemas
                .iter()
                .map(|(id, name)| (Datum::Int(*id), Datum::Text(name.clone())))
                .collect(),
            "TYPE_NAME" => crate::engine::views::TYPE_IDS
                .iter()
                .map(|(id, name)| (Datum::Int(*id), Datum::Text((*name).to_owned())))
                .collect(),
            "OBJECT_ID" => {
                tables.iter().map(|t| (Datum::Text(t.shown()), Datum::Int(t.id))).collect()
            }
            "SCHEMA_ID" => self
                .catalog
                .schemas
                .iter()
                .map(|(id, name)| (Datum::Text(name.clone()), Datum::Int(*id)))
                .collect(),
            _ => return Err(unknown_function(name)),
        };
        let _ = values;
        let collate = collation(first.of).map(|c| format!(" COLLATE {c}")).unwrap_or_default();
        let arms: Vec<_> = pairs
            .into_iter()
            .map(|(when, then)| format!("WHEN {} THEN {}", self.bind(when), self.bind(then)))
            .collect();
        let of = if name.ends_with("_ID") { Type::Int } else { SYSNAME };
        if arms.is_empty() {
            return Ok(Self::typed("NULL".to_owned(), of));
        }
        Ok(Self::typed(format!("(CASE {}{collate} {} END)", first.sql, arms.join(" ")), of))
    }

    /// The value of an expression without columns, which may need a statement.
    pub(crate) fn scalar(&mut self, expr: &Expr) -> Sql<TypedSql> {
        self.expr(expr, &NO_SCOPE)
    }
}

fn shortened(first: &TypedSql, length: &TypedSql) -> Type {
    // The length of a computed column follows from its constant.
    let _ = length;
    match first.of {
        Type::Char(n) => Type::VarChar(Some(n)),
        Type::NChar(n) => Type::NVarChar(Some(n)),
        other => other,
    }
}

fn collated_text(value: &TypedSql) -> String {
    match collation(value.of) {
        Some(collation) => format!("{} COLLATE {collation}", value.sql),
        None => value.sql.clone(),
    }
}

fn sum(name: &str, first: &TypedSql) -> Sql<TypedSql> {
    let of = match first.of {
        Type::BigInt => Type::BigInt,
        of if of.family() == Family::Whole => Type::Int,
        of if of.family() == Family::Approximate => Type::Float,
        other => {
            let message = format!("test double: {name} of {} is not in the grammar", other.name());
            return Err(SqlError::new(8117, 16, Effect::Compile, message));
        }
    };
    let sql = match (name, of) {
        ("AVG", Type::Int | Type::BigInt) => format!("(sum({0}) / count({0}))", first.sql),
        _ => format!("{}({})", name.to_lowercase(), first.sql),
    };
    Ok(Planner::typed(sql, of))
}

fn unknown_function(name: &str) -> SqlError {
    let message = format!("'{}' is not a recognized built-in function name.", name.to_lowercase());
    SqlError::new(195, 15, Effect::Compile, message)
}

fn wrong_arguments(name: &str, wanted: usize) -> SqlError {
    let message = format!("The {} function requires {wanted} argument(s).", name.to_lowercase());
    SqlError::new(174, 15, Effect::Compile, message)
}

/// The parts of a name in a text.
fn split_name(text: &str) -> Option<Name> {
    let tokens = crate::sql::lexer::tokens(text).ok()?;
    let parts: Vec<_> = tokens
        .iter()
        .filter_map(|token| match token {
            crate::sql::lexer::Token::Word(word) | crate::sql::lexer::Token::Quoted(word) => {
                Some(word.clone())
            }
            _ => None,
        })
        .collect();
    (!parts.is_empty()).then_some(Name(parts))
}

fn new_guid() -> String {
    use std::hash::{BuildHasher, Hasher};
    let number = || {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_i64(now().and_utc().timestamp_micros());
        hasher.finish()
    };
    let (one, other) = (number(), number());
    format!(
        "{:08X}-{:04X}-4{:03X}-A{:03X}-{:012X}",
        one >> 32,
        one >> 16 & 0xFFFF,
        one & 0xFFF,
        other >> 52,
        other & 0xFFFF_FFFF_FFFF
    )
}
