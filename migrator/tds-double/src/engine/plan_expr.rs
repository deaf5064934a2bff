//! Translates expressions into SQL of `SQLite`.

use crate::data::convert::{common, convert, cut};
use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Family, Type};
use crate::data::values::{Datum, decimal_text, decimal_units};
use crate::engine::catalog::same;
use crate::engine::functions::type_number;
use crate::engine::plan::{Planner, Scope, TypedSql, collated, converted};
use crate::sql::ast::{Expr, Query};

impl Planner<'_> {
    pub(crate) fn typed(sql: String, of: Type) -> TypedSql {
        TypedSql { sql, of, nullable: true, column: None }
    }

    fn constant(&mut self, value: Datum, of: Type) -> TypedSql {
        let nullable = value.is_null();
        TypedSql { sql: self.bind(value), of, nullable, column: None }
    }

    pub(crate) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>) -> Sql<TypedSql> {
        if let Some((value, of)) = self.known(expr)? {
            return Ok(self.constant(value, of));
        }
        match expr {
            Expr::Column(parts) => column(parts, scope),
            Expr::Not(of) => {
                let of = self.expr(of, scope)?;
                Ok(Self::typed(format!("(NOT {})", of.sql), Type::Bit))
            }
            Expr::Minus(of) => {
                let of = self.expr(of, scope)?;
                let sql = match of.of.family() {
                    Family::Exact => format!("ms_exact('-', '0', {})", of.sql),
                    _ => format!("(-{})", of.sql),
                };
                Ok(Self::typed(sql, of.of))
            }
            Expr::Binary("AND" | "OR", ..) => self.chain(expr, scope),
            Expr::Binary(operator @ ("=" | "<>" | "<" | ">" | "<=" | ">="), left, right) => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                Ok(compared(operator, &left, &right))
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                arithmetic(operator, &left, &right)
            }
            Expr::Like { of, pattern, negated } => {
                let (of, pattern) = (self.expr(of, scope)?, self.expr(pattern, scope)?);
                let not = if *negated { "NOT " } else { "" };
                Ok(Self::typed(format!("({not}ms_like({}, {}))", of.sql, pattern.sql), Type::Bit))
            }
            Expr::In { of, list, negated } => self.membership(of, list, *negated, scope),
            Expr::InQuery { of, query, negated } => self.in_query(of, query, *negated, scope),
            Expr::Between { of, low, high, negated } => {
                let of = self.expr(of, scope)?;
                let (low, high) = (self.expr(low, scope)?, self.expr(high, scope)?);
                let (low, high) = (compared(">=", &of, &low), compared("<=", &of, &high));
                let not = if *negated { "NOT " } else { "" };
                Ok(Self::typed(format!("({not}({} AND {}))", low.sql, high.sql), Type::Bit))
            }
            Expr::IsNull { of, negated } => {
                let of = self.expr(of, scope)?;
                let test = if *negated { "IS NOT NULL" } else { "IS NULL" };
                Ok(Self::typed(format!("({} {test})", of.sql), Type::Bit))
            }
            Expr::Exists(query) => {
                let planned = self.query(query, scope)?;
                Ok(Self::typed(format!("EXISTS ({})", planned.sql), Type::Bit))
            }
            Expr::Query(query) => {
                let planned = self.query(query, scope)?;
                let of = planned.columns.first().map_or(Type::Null, |column| column.of);
                Ok(Self::typed(format!("({})", planned.sql), of))
            }
            Expr::Case { of, whens, otherwise } => {
                self.case(of.as_deref(), whens, otherwise.as_deref(), scope)
            }
            Expr::Cast { of, to, quiet } => {
                let of = self.expr(of, scope)?;
                let function = if *quiet { "ms_try_cast" } else { "ms_cast" };
                let sql =
                    format!("{function}({}, {}, {})", of.sql, type_number(of.of), type_number(*to));
                Ok(TypedSql { nullable: of.nullable || *quiet, ..Self::typed(sql, *to) })
            }
            Expr::Call { name, arguments, distinct } => {
                self.call(name, arguments, *distinct, scope)
            }
            Expr::Default => Err(SqlError::syntax("DEFAULT")),
            _ => Err(SqlError::inside("a constant that is none")),
        }
    }

    /// The value of an expression that needs no statement; `None` if it needs one.
    pub(crate) fn known(&self, expr: &Expr) -> Sql<Option<(Datum, Type)>> {
        let length = |text: &str| Some(u16::try_from(text.chars().count().max(1)).unwrap_or(4_000));
        Ok(Some(match expr {
            Expr::Null => (Datum::Null, Type::Null),
            Expr::Int(number) if i32::try_from(*number).is_ok() => (Datum::Int(*number), Type::Int),
            Expr::Int(number) => {
                let digits = u8::try_from(number.unsigned_abs().to_string().len()).unwrap_or(19);
                (Datum::Text(number.to_string()), Type::Decimal { precision: digits, scale: 0 })
            }
            Expr::Decimal(text) => {
                let (units, scale) = decimal_units(text).ok_or_else(|| SqlError::syntax(text))?;
                let digits = u8::try_from(units.unsigned_abs().to_string().len()).unwrap_or(38);
                let of = Type::Decimal { precision: digits.max(scale).min(38), scale };
                (Datum::Text(decimal_text(units, scale)), of)
            }
            Expr::Float(number) => (Datum::Float(*number), Type::Float),
            Expr::Text(text, true) => {
                (Datum::Text(text.clone()), Type::NVarChar(length(text).filter(|n| *n <= 4000)))
            }
            Expr::Text(text, false) => {
                (Datum::Text(text.clone()), Type::VarChar(length(text).filter(|n| *n <= 8000)))
            }
            Expr::Bytes(bytes) => {
                let length = u16::try_from(bytes.len().max(1)).ok().filter(|n| *n <= 8_000);
                (Datum::Bytes(bytes.clone()), Type::VarBinary(length))
            }
            Expr::Variable(name) if name.starts_with("@@") => self.global(name)?,
            Expr::Variable(name) => {
                let message = format!("Must declare the scalar variable \"{name}\".");
                let unknown = || SqlError::new(137, 15, Effect::Compile, message);
                let (of, value) = self.variables.get(name).ok_or_else(unknown)?;
                (value.clone(), *of)
            }
            Expr::Call { name, arguments, .. } => return self.known_call(name, arguments),
            Expr::Cast { of, to, quiet: false } => match self.known(of)? {
                Some((value, from)) => (cut(convert(&value, from, *to)?, *to), *to),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    fn global(&self, name: &str) -> Sql<(Datum, Type)> {
        let facts = self.facts;
        Ok(match name {
            "@@trancount" => (Datum::Int(facts.trancount), Type::Int),
            "@@spid" => (Datum::Int(facts.spid), Type::SmallInt),
            "@@rowcount" => (Datum::Int(facts.row_count), Type::Int),
            "@@error" => (Datum::Int(0), Type::Int),
            "@@identity" => (facts.identity.clone(), Type::Decimal { precision: 38, scale: 0 }),
            "@@lock_timeout" => (Datum::Int(facts.lock_timeout), Type::Int),
            "@@servername" => (Datum::Text("double".to_owned()), Type::NVarChar(Some(128))),
            "@@version" => {
                (Datum::Text(crate::engine::views::VERSION.to_owned()), Type::NVarChar(Some(300)))
            }
            other => {
                let message = format!("Must declare the scalar variable \"{other}\".");
                return Err(SqlError::new(137, 15, Effect::Compile, message));
            }
        })
    }

    /// `AND` and `OR` as a balanced tree: a chain of a thousand exceeds the depth limit of
    /// `SQLite`.
    fn chain(&mut self, expr: &Expr, scope: &Scope<'_>) -> Sql<TypedSql> {
        let Expr::Binary(operator, ..) = expr else { return Err(SqlError::inside("no chain")) };
        let mut links = Vec::new();
        let mut rest = expr;
        while let Expr::Binary(other, left, right) = rest {
            if other != operator {
                break;
            }
            links.push(&**right);
            rest = left;
        }
        links.push(rest);
        let mut parts = Vec::with_capacity(links.len());
        for link in links.iter().rev() {
            parts.push(self.expr(link, scope)?.sql);
        }
        while parts.len() > 1 {
            parts = parts
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => format!("({left} {operator} {right})"),
                    _ => pair[0].clone(),
                })
                .collect();
        }
        Ok(Self::typed(parts.remove(0), Type::Bit))
    }

    fn membership(
        &mut self,
        of: &Expr,
        list: &[Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Sql<TypedSql> {
        let of = self.expr(of, scope)?;
        let list: Vec<_> = list.iter().map(|one| self.expr(one, scope)).collect::<Sql<_>>()?;
        let meet = list.iter().fold(of.of, |meet, one| common(meet, one.of));
        let left = collated(&converted(&of.sql, of.of, meet), meet);
        let list: Vec<_> = list.iter().map(|one| converted(&one.sql, one.of, meet)).collect();
        let not = if negated { "NOT " } else { "" };
        Ok(Self::typed(format!("({left} {not}IN ({}))", list.join(", ")), Type::Bit))
    }

    fn in_query(
        &mut self,
        of: &Expr,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Sql<TypedSql> {
        let of = self.expr(of, scope)?;
        let planned = self.query(query, scope)?;
        let found = planned.columns.first().map_or(Type::Null, |column| column.of);
        let meet = common(of.of, found);
        let left = collated(&converted(&of.sql, of.of, meet), meet);
        let right = converted("c0", found, meet);
        let not = if negated { "NOT " } else { "" };
        let sql = format!("({left} {not}IN (SELECT {right} FROM ({})))", planned.sql);
        Ok(Self::typed(sql, Type::Bit))
    }

    fn case(
        &mut self,
        of: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Sql<TypedSql> {
        let mut arms = Vec::new();
        let mut meet = Type::Null;
        for (when, then) in whens {
            let when = match of {
                Some(of) => {
                    let (of, when) = (self.expr(of, scope)?, self.expr(when, scope)?);
                    compared("=", &of, &when)
                }
                None => self.expr(when, scope)?,
            };
            let then = self.expr(then, scope)?;
            meet = common(meet, then.of);
            arms.push((when.sql, then));
        }
        let otherwise = match otherwise {
            Some(otherwise) => self.expr(otherwise, scope)?,
            None => Self::typed("NULL".to_owned(), Type::Null),
        };
        meet = common(meet, otherwise.of);
        let arms: Vec<_> = arms
            .iter()
            .map(|(when, then)| format!("WHEN {when} THEN {}", converted(&then.sql, then.of, meet)))
            .collect();
        let otherwise = converted(&otherwise.sql, otherwise.of, meet);
        Ok(Self::typed(format!("(CASE {} ELSE {otherwise} END)", arms.join(" ")), meet))
    }
}

fn column(parts: &[String], scope: &Scope<'_>) -> Sql<TypedSql> {
    let (qualifier, name) = (&parts[..parts.len() - 1], &parts[parts.len() - 1]);
    let qualifier = qualifier.join(".");
    let mut found = Vec::new();
    for source in scope.sources {
        let named = qualifier.is_empty()
            || source.names.iter().any(|n| same(n, &qualifier))
            || source
                .names
                .iter()
                .any(|n| same(n, qualifier.rsplit('.').next().unwrap_or_default()));
        if !named {
            continue;
        }
        if let Some(place) = source.columns.iter().position(|column| same(&column.name, name)) {
            found.push((source, place));
        }
    }
    match (found.as_slice(), scope.outer) {
        ([(source, place)], _) => {
            let column = &source.columns[*place];
            let dot = if source.sql.is_empty() { "" } else { "." };
            Ok(TypedSql {
                sql: format!("{}{dot}c{place}", source.sql),
                of: column.of,
                nullable: column.nullable,
                column: Some(column.clone()),
            })
        }
        ([], Some(outer)) => column_or_bound(parts, outer, &qualifier, scope),
        ([], None) if qualifier.is_empty() => Err(SqlError::unknown_column(name)),
        ([], None) => {
            let message =
                format!("The multi-part identifier \"{}\" could not be bound.", parts.join("."));
            Err(SqlError::new(4104, 16, Effect::Compile, message))
        }
        _ => {
            let message = format!("Ambiguous column name '{name}'.");
            Err(SqlError::new(209, 16, Effect::Compile, message))
        }
    }
}

/// A column of an outer query. A qualifier of this query has no such column.
fn column_or_bound(
    parts: &[String],
    outer: &Scope<'_>,
    qualifier: &str,
    scope: &Scope<'_>,
) -> Sql<TypedSql> {
    let here = scope.sources.iter().any(|source| source.names.iter().any(|n| same(n, qualifier)));
    if here {
        return Err(SqlError::unknown_column(&parts[parts.len() - 1]));
    }
    column(parts, outer)
}

fn compared(operator: &str, left: &TypedSql, right: &TypedSql) -> TypedSql {
    let meet = common(left.of, right.of);
    // Two times or two decimals compare regardless of their digits.
    let (one, other) = if left.of.family() == right.of.family() {
        (left.sql.clone(), right.sql.clone())
    } else {
        (converted(&left.sql, left.of, meet), converted(&right.sql, right.of, meet))
    };
    let sql = format!("({one} {operator} {})", collated(&other, meet));
    TypedSql { sql, of: Type::Bit, nullable: true, column: None }
}

fn arithmetic(operator: &str, left: &TypedSql, right: &TypedSql) -> Sql<TypedSql> {
    let meet = common(left.of, right.of);
    let (one, other) = (converted(&left.sql, left.of, meet), converted(&right.sql, right.of, meet));
    let sql = match (meet.family(), operator) {
        (Family::Text, "+") => format!("({one} || {other})"),
        (Family::Whole | Family::Approximate | Family::Null, _) => {
            format!("({one} {operator} {other})")
        }
        (Family::Exact, "+" | "-" | "*") => format!("ms_exact('{operator}', {one}, {other})"),
        _ => {
            let message = format!(
                "The data types {} and {} are incompatible in the {operator} operator.",
                left.of.name(),
                right.of.name()
            );
            return Err(SqlError::new(402, 16, Effect::Compile, message));
        }
    };
    let of = match meet {
        Type::VarChar(_) | Type::Char(_) => Type::VarChar(Some(8_000)),
        Type::NVarChar(_) | Type::NChar(_) => Type::NVarChar(Some(4_000)),
        Type::Decimal { scale, .. } if operator == "*" => {
            Type::Decimal { precision: 38, scale: (scale * 2).min(38) }
        }
        Type::Decimal { scale, .. } => Type::Decimal { precision: 38, scale },
        other => other,
    };
    Ok(TypedSql { sql, of, nullable: true, column: None })
}
