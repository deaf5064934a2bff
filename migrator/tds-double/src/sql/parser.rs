//! Parser of statements. Unknown syntax is error 102, as for any other syntax error.

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::Type;
use crate::sql::ast::{From, Item, Name, Rows, SetValue, Statement};
use crate::sql::lexer::{Token, tokens};

/// Words that cannot be an alias or a column.
pub(crate) const RESERVED: [&str; 62] = [
    "add",
    "all",
    "alter",
    "and",
    "as",
    "asc",
    "begin",
    "between",
    "by",
    "case",
    "check",
    "commit",
    "constraint",
    "create",
    "cross",
    "declare",
    "default",
    "delete",
    "desc",
    "distinct",
    "drop",
    "else",
    "end",
    "except",
    "exec",
    "execute",
    "exists",
    "fetch",
    "for",
    "foreign",
    "from",
    "full",
    "group",
    "having",
    "if",
    "in",
    "index",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "key",
    "left",
    "like",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "primary",
    "right",
    "rollback",
    "select",
    "set",
    "table",
    "union",
    "update",
    "values",
    "where",
];

/// Words that continue a preceding construct, so that they cannot be an alias.
const NO_ALIAS: [&str; 9] =
    ["with", "option", "offset", "output", "when", "then", "go", "apply", "use"];

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// The statements of a batch.
pub(crate) fn parse(text: &str) -> Sql<Vec<Statement>> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let mut statements = Vec::new();
    loop {
        while parser.mark(";") {}
        if parser.peek() == &Token::End {
            break;
        }
        statements.push(parser.statement()?);
    }
    let schema = statements.iter().any(|s| matches!(s, Statement::CreateSchema(_)));
    if schema && statements.len() > 1 {
        let message = "'CREATE SCHEMA' must be the first statement in a query batch.";
        return Err(SqlError::new(111, 15, Effect::Compile, message));
    }
    Ok(statements)
}

/// One expression, for the texts of defaults and computed columns.
pub(crate) fn parse_declarations(text: &str) -> Sql<Vec<(String, Type)>> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let mut declarations = Vec::new();
    while parser.peek() != &Token::End {
        let name = parser.variable()?;
        parser.word("as");
        let of = parser.data_type()?;
        parser.word("output");
        declarations.push((name, of));
        if !parser.mark(",") && parser.peek() != &Token::End {
            return Err(parser.error());
        }
    }
    Ok(declarations)
}

impl Parser {
    pub(crate) fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).unwrap_or(&Token::End)
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(crate) fn error(&self) -> SqlError {
        SqlError::syntax(&self.peek().shown())
    }

    pub(crate) fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// Consumes this word if it is next.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let there = self.is_word(0, word);
        self.at += usize::from(there);
        there
    }

    /// Consumes these words if all of them are next.
    pub(crate) fn words(&mut self, words: &[&str]) -> bool {
        let there = words.iter().enumerate().all(|(ahead, word)| self.is_word(ahead, word));
        self.at += if there { words.len() } else { 0 };
        there
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Sql<()> {
        if self.word(word) { Ok(()) } else { Err(self.error()) }
    }

    pub(crate) fn mark(&mut self, mark: &str) -> bool {
        let there = matches!(self.peek(), Token::Mark(found) if *found == mark);
        self.at += usize::from(there);
        there
    }

    pub(crate) fn is_mark(&self, ahead: usize, mark: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Mark(found) if *found == mark)
    }

    pub(crate) fn expect(&mut self, mark: &str) -> Sql<()> {
        if self.mark(mark) { Ok(()) } else { Err(self.error()) }
    }

    fn variable(&mut self) -> Sql<String> {
        let Token::Variable(name) = self.peek().clone() else { return Err(self.error()) };
        self.at += 1;
        Ok(name)
    }

    /// A name of one part that is not a reserved word.
    pub(crate) fn identifier(&mut self) -> Sql<String> {
        match self.peek().clone() {
            Token::Quoted(name) => {
                self.at += 1;
                Ok(name)
            }
            Token::Word(name) if !RESERVED.contains(&name.to_ascii_lowercase().as_str()) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.error()),
        }
    }

    /// A name after `AS`, or a bare one that cannot be anything else.
    pub(crate) fn alias(&mut self) -> Sql<Option<String>> {
        if self.word("as") {
            if let Token::Text(name, _) = self.peek().clone() {
                self.at += 1;
                return Ok(Some(name));
            }
            return self.identifier().map(Some);
        }
        match self.peek() {
            Token::Quoted(_) => self.identifier().map(Some),
            Token::Word(word) => {
                let word = word.to_ascii_lowercase();
                let taken = RESERVED.contains(&word.as_str()) || NO_ALIAS.contains(&word.as_str());
                if taken || starts_statement(&word) {
                    Ok(None)
                } else {
                    self.identifier().map(Some)
                }
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn name(&mut self) -> Sql<Name> {
        let mut parts = vec![self.identifier()?];
        while self.mark(".") {
            if self.is_mark(0, ".") {
                parts.push(String::new());
            } else {
                parts.push(self.identifier()?);
            }
        }
        Ok(Name(parts))
    }

    /// Names in parentheses, each optionally with an order.
    pub(crate) fn column_list(&mut self) -> Sql<Vec<String>> {
        self.expect("(")?;
        let mut names = Vec::new();
        loop {
            names.push(self.identifier()?);
            let _ = self.word("asc") || self.word("desc");
            if !self.mark(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(names)
    }

    pub(crate) fn data_type(&mut self) -> Sql<Type> {
        self.type_of_length(1)
    }

    /// A type; `unsaid` is the length of texts without one.
    pub(crate) fn type_of_length(&mut self, unsaid: u16) -> Sql<Type> {
        let mut name = self.identifier()?;
        if self.mark(".") {
            name = self.identifier()?;
        }
        let mut arguments = Vec::new();
        if self.mark("(") {
            loop {
                arguments.push(match self.next() {
                    Token::Number(digits) => {
                        Some(digits.parse().map_err(|_| SqlError::syntax(&digits))?)
                    }
                    Token::Word(word) if word.eq_ignore_ascii_case("max") => None,
                    other => return Err(SqlError::syntax(&other.shown())),
                });
                if !self.mark(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Type::declared(&name, &arguments, unsaid)
    }

    fn statement(&mut self) -> Sql<Statement> {
        let Token::Word(word) = self.peek().clone() else {
            if self.is_mark(0, "(") {
                return self.query().map(Statement::Query);
            }
            return Err(self.error());
        };
        match word.to_ascii_lowercase().as_str() {
            "select" | "with" => self.query_or_change(),
            "insert" => self.insert(),
            "update" => self.update(),
            "delete" => self.delete(),
            "begin" => self.begin(),
            "commit" | "rollback" | "save" => self.transaction(),
            "if" => self.condition(),
            "set" => self.set(),
            "declare" => self.declare(),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            "exec" | "execute" => self.execute(),
            "truncate" => {
                self.next();
                self.expect_word("table")?;
                Ok(Statement::Truncate(self.name()?))
            }
            "print" => {
                self.next();
                Ok(Statement::Print(self.expr()?))
            }
            "use" => {
                self.next();
                Ok(Statement::Use(self.identifier()?))
            }
            "throw" => self.throw(),
            _ => Err(self.error()),
        }
    }

    fn query_or_change(&mut self) -> Sql<Statement> {
        self.query().map(Statement::Query)
    }

    fn throw(&mut self) -> Sql<Statement> {
        self.next();
        let Token::Number(number) = self.next() else { return Err(self.error()) };
        self.expect(",")?;
        let message = self.expr()?;
        self.expect(",")?;
        self.expr()?;
        let number = number.parse().map_err(|_| SqlError::syntax(&number))?;
        Ok(Statement::Throw { number, message })
    }

    fn begin(&mut self) -> Sql<Statement> {
        self.next();
        if self.word("tran") || self.word("transaction") {
            let _ = self.alias()?;
            return Ok(Statement::Begin);
        }
        let mut statements = Vec::new();
        loop {
            while self.mark(";") {}
            if self.word("end") {
                return Ok(Statement::Block(statements));
            }
            statements.push(self.statement()?);
        }
    }

    fn transaction(&mut self) -> Sql<Statement> {
        let Token::Word(word) = self.next() else { return Err(self.error()) };
        let said = self.word("tran") || self.word("transaction") || self.word("work");
        let name = if said { self.alias()? } else { None };
        match (word.to_ascii_lowercase().as_str(), name) {
            ("commit", _) => {
                if self.word("with") {
                    self.expect("(")?;
                    while !self.mark(")") {
                        self.next();
                    }
                }
                Ok(Statement::Commit)
            }
            ("rollback", name) => Ok(Statement::Rollback(name)),
            (_, Some(name)) => Ok(Statement::Save(name)),
            _ => Err(self.error()),
        }
    }

    fn condition(&mut self) -> Sql<Statement> {
        self.next();
        let condition = self.expr()?;
        let then = Box::new(self.statement()?);
        let before = self.at;
        while self.mark(";") {}
        let otherwise = if self.word("else") {
            Some(Box::new(self.statement()?))
        } else {
            self.at = before;
            None
        };
        Ok(Statement::If { condition, then, otherwise })
    }

    fn set(&mut self) -> Sql<Statement> {
        self.next();
        if let Token::Variable(name) = self.peek().clone() {
            self.next();
            self.expect("=")?;
            return Ok(Statement::SetVariable(name, self.expr()?));
        }
        if self.words(&["transaction", "isolation", "level"]) {
            let mut words = Vec::new();
            while let Token::Word(word) = self.peek().clone() {
                if !["read", "committed", "uncommitted", "repeatable", "serializable", "snapshot"]
                    .contains(&word.to_ascii_lowercase().as_str())
                {
                    break;
                }
                self.next();
                words.push(word.to_ascii_lowercase());
            }
            if words.is_empty() {
                return Err(self.error());
            }
            let level = SetValue::Words(words.join(" "));
            return Ok(Statement::SetOption("isolation".to_owned(), level));
        }
        let option = self.identifier()?.to_ascii_lowercase();
        if option == "identity_insert" {
            let table = self.name()?;
            let on = self.on_or_off()?;
            let value = if on { SetValue::Table(table) } else { SetValue::Off };
            return Ok(Statement::SetOption(option, value));
        }
        // One statement may switch several options.
        while self.mark(",") {
            self.identifier()?;
        }
        let value = match self.peek().clone() {
            Token::Number(digits) => {
                self.next();
                SetValue::Number(digits.parse().map_err(|_| SqlError::syntax(&digits))?)
            }
            Token::Mark("-") => {
                self.next();
                self.next();
                SetValue::Number(-1)
            }
            Token::Word(word) if ["high", "low", "normal"].contains(&word.as_str()) => {
                self.next();
                SetValue::Words(word)
            }
            _ if self.on_or_off()? => SetValue::On,
            _ => SetValue::Off,
        };
        if !KNOWN_OPTIONS.contains(&option.as_str()) {
            let message = format!("'{option}' is not a recognized SET option.");
            return Err(SqlError::new(195, 15, Effect::Compile, message));
        }
        Ok(Statement::SetOption(option, value))
    }

    fn on_or_off(&mut self) -> Sql<bool> {
        if self.word("on") {
            Ok(true)
        } else if self.word("off") {
            Ok(false)
        } else {
            Err(self.error())
        }
    }

    fn declare(&mut self) -> Sql<Statement> {
        self.next();
        let mut variables = Vec::new();
        loop {
            let name = self.variable()?;
            self.word("as");
            let of = self.data_type()?;
            let value = if self.mark("=") { Some(self.expr()?) } else { None };
            variables.push((name, of, value));
            if !self.mark(",") {
                return Ok(Statement::Declare(variables));
            }
        }
    }

    fn execute(&mut self) -> Sql<Statement> {
        self.next();
        if self.mark("(") {
            let text = self.expr()?;
            self.expect(")")?;
            return Ok(Statement::Execute(text));
        }
        let name = self.name()?;
        if !name.object().eq_ignore_ascii_case("sp_executesql") {
            let message = format!("Could not find stored procedure '{}'.", name.shown());
            return Err(SqlError::new(2812, 16, Effect::Batch, message));
        }
        let mut arguments = Vec::new();
        loop {
            let named = matches!(self.peek(), Token::Variable(_)) && self.is_mark(1, "=");
            let name = if named { Some(self.variable()?) } else { None };
            if named {
                self.expect("=")?;
            }
            arguments.push((name, self.expr()?));
            if !self.mark(",") {
                break;
            }
        }
        let mut arguments = arguments.into_iter();
        let (_, text) = arguments.next().ok_or_else(|| self.error())?;
        let declarations = arguments.next().map(|(_, expr)| expr);
        Ok(Statement::ExecuteSql { text, declarations, arguments: arguments.collect() })
    }

    fn insert(&mut self) -> Sql<Statement> {
        self.next();
        if self.word("bulk") {
            return self.insert_bulk();
        }
        self.word("into");
        let table = self.name()?;
        self.hints()?;
        let list = self.is_mark(0, "(") && !self.is_word(1, "select") && !self.is_word(1, "values");
        let columns = if list { self.column_list()? } else { Vec::new() };
        let output = self.output()?;
        let rows = if self.words(&["default", "values"]) {
            Rows::Defaults
        } else {
            Rows::Query(self.query()?)
        };
        Ok(Statement::Insert { table, columns, output, rows })
    }

    fn output(&mut self) -> Sql<Vec<Item>> {
        if self.word("output") { self.items() } else { Ok(Vec::new()) }
    }

    fn insert_bulk(&mut self) -> Sql<Statement> {
        let table = self.name()?;
        self.expect("(")?;
        let mut columns = Vec::new();
        loop {
            let name = self.identifier()?;
            let of = self.data_type()?;
            if self.word("collate") {
                self.identifier()?;
            }
            columns.push((name, of));
            if !self.mark(",") {
                break;
            }
        }
        self.expect(")")?;
        let mut options = Vec::new();
        if self.word("with") {
            self.expect("(")?;
            loop {
                let option = match self.next() {
                    Token::Word(word) => word.to_ascii_uppercase(),
                    other => return Err(SqlError::syntax(&other.shown())),
                };
                match option.as_str() {
                    "ORDER" => {
                        self.column_list()?;
                    }
                    "ROWS_PER_BATCH" | "KILOBYTES_PER_BATCH" => {
                        self.expect("=")?;
                        self.next();
                    }
                    "CHECK_CONSTRAINTS" | "TABLOCK" | "KEEP_NULLS" | "FIRE_TRIGGERS" => {}
                    other => return Err(SqlError::syntax(other)),
                }
                options.push(option);
                if !self.mark(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(Statement::InsertBulk { table, columns, options })
    }

    fn update(&mut self) -> Sql<Statement> {
        self.next();
        let target = self.name()?;
        self.hints()?;
        self.expect_word("set")?;
        let mut assignments = Vec::new();
        loop {
            let column = self.name()?.object().to_owned();
            self.expect("=")?;
            assignments.push((column, self.expr()?));
            if !self.mark(",") {
                break;
            }
        }
        let from = if self.word("from") { Some(self.sources()?) } else { None };
        let condition = if self.word("where") { Some(self.expr()?) } else { None };
        self.options()?;
        Ok(Statement::Update { target, assignments, from, condition })
    }

    fn delete(&mut self) -> Sql<Statement> {
        self.next();
        self.word("from");
        let target = self.name()?;
        self.hints()?;
        let from = if self.word("from") {
            Some(self.sources()?)
        } else if self.word("as") {
            let alias = Some(self.identifier()?);
            Some(From::Table { name: target.clone(), alias })
        } else {
            None
        };
        let condition = if self.word("where") { Some(self.expr()?) } else { None };
        self.options()?;
        Ok(Statement::Delete { target, from, condition })
    }
}

/// Options that are obeyed, and those that affect no statement of the grammar.
const KNOWN_OPTIONS: [&str; 11] = [
    "xact_abort",
    "lock_timeout",
    "nocount",
    "quoted_identifier",
    "ansi_nulls",
    "ansi_padding",
    "ansi_warnings",
    "arithabort",
    "concat_null_yields_null",
    "numeric_roundabort",
    "deadlock_priority",
];

/// Returns true if the word can start a statement. Such a word is never an alias.
fn starts_statement(word: &str) -> bool {
    ["declare", "exec", "execute", "print", "save", "throw", "truncate", "begin", "end"]
        .contains(&word)
}
