//! Syntax tree of the supported statements.

use crate::data::types::Type;

/// A name of one to four parts; the last is the object, the one before it the schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name(pub(crate) Vec<String>);

impl Name {
    pub(crate) fn object(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        let place = self.0.len().checked_sub(2)?;
        Some(self.0[place].as_str()).filter(|schema| !schema.is_empty())
    }

    pub(crate) fn shown(&self) -> String {
        self.0.join(".")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Null,
    Int(i64),
    Decimal(String),
    Float(f64),
    Text(String, bool),
    Bytes(Vec<u8>),
    /// `DEFAULT` in a row of values.
    Default,
    /// `@name` or `@@name`.
    Variable(String),
    Column(Vec<String>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Like {
        of: Box<Expr>,
        pattern: Box<Expr>,
        negated: bool,
    },
    In {
        of: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        of: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Between {
        of: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    IsNull {
        of: Box<Expr>,
        negated: bool,
    },
    Exists(Box<Query>),
    Query(Box<Query>),
    Case {
        of: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        of: Box<Expr>,
        to: Type,
        quiet: bool,
    },
    /// A function call; `*` as the only argument of `COUNT` counts as no argument.
    Call {
        name: String,
        arguments: Vec<Expr>,
        distinct: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) with: Vec<(String, Vec<String>, Query)>,
    pub(crate) body: Set,
    pub(crate) order: Vec<(Expr, bool)>,
    pub(crate) offset: Option<Expr>,
    pub(crate) fetch: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Set {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Both { operator: &'static str, left: Box<Set>, right: Box<Set> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) top: Option<Expr>,
    pub(crate) items: Vec<Item>,
    pub(crate) from: Option<From>,
    pub(crate) condition: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Star(Option<String>),
    Expr {
        expr: Expr,
        alias: Option<String>,
    },
    /// `@variable = expression`.
    Set(String, Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum From {
    Table { name: Name, alias: Option<String> },
    Derived { query: Box<Query>, alias: String, columns: Vec<String> },
    Join { kind: &'static str, left: Box<From>, right: Box<From>, on: Option<Expr> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Expr>,
    /// Seed and step.
    pub(crate) identity: Option<(i64, i64)>,
    pub(crate) computed: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constraint {
    Key { primary: bool, columns: Vec<String> },
    Foreign { columns: Vec<String>, parent: Name, parent_columns: Vec<String>, cascade: bool },
    Check(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableDef {
    pub(crate) name: Name,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) constraints: Vec<(Option<String>, Constraint)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rows {
    Query(Query),
    Defaults,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    Block(Vec<Statement>),
    If {
        condition: Expr,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    Declare(Vec<(String, Type, Option<Expr>)>),
    SetVariable(String, Expr),
    /// The option's name in lower case, and its value.
    SetOption(String, SetValue),
    Print(Expr),
    Execute(Expr),
    ExecuteSql {
        text: Expr,
        declarations: Option<Expr>,
        arguments: Vec<(Option<String>, Expr)>,
    },
    Use(String),
    Throw {
        number: i32,
        message: Expr,
    },
    Begin,
    Commit,
    Rollback(Option<String>),
    Save(String),
    Query(Query),
    Insert {
        table: Name,
        columns: Vec<String>,
        output: Vec<Item>,
        rows: Rows,
    },
    Update {
        target: Name,
        assignments: Vec<(String, Expr)>,
        from: Option<From>,
        condition: Option<Expr>,
    },
    Delete {
        target: Name,
        from: Option<From>,
        condition: Option<Expr>,
    },
    Truncate(Name),
    CreateSchema(String),
    CreateTable(TableDef),
    CreateIndex {
        name: String,
        unique: bool,
        table: Name,
        columns: Vec<String>,
    },
    AddConstraint {
        table: Name,
        name: Option<String>,
        constraint: Constraint,
    },
    DropTable {
        names: Vec<Name>,
        if_exists: bool,
    },
    DropSchema {
        name: String,
        if_exists: bool,
    },
    DropIndex {
        name: String,
        table: Name,
    },
    InsertBulk {
        table: Name,
        columns: Vec<(String, Type)>,
        options: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SetValue {
    On,
    Off,
    Number(i64),
    Table(Name),
    Words(String),
}
