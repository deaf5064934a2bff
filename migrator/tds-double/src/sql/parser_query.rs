//! Parser of queries and expressions.

use crate::data::errors::{Sql, SqlError};
use crate::sql::ast::{Expr, From, Item, Query, Select, Set};
use crate::sql::lexer::Token;
use crate::sql::parser::{Parser, RESERVED};

/// Table hints that the grammar accepts, including `NOLOCK`. The tests of a product check in the
/// recorded statements whether it uses that hint.
const HINTS: [&str; 14] = [
    "nolock",
    "updlock",
    "holdlock",
    "rowlock",
    "tablock",
    "tablockx",
    "readpast",
    "xlock",
    "paglock",
    "serializable",
    "readcommitted",
    "readcommittedlock",
    "repeatableread",
    "forceseek",
];

impl Parser {
    pub(crate) fn query(&mut self) -> Sql<Query> {
        let mut with = Vec::new();
        if self.word("with") {
            loop {
                let name = self.identifier()?;
                let columns = if self.is_mark(0, "(") { self.column_list()? } else { Vec::new() };
                self.expect_word("as")?;
                self.expect("(")?;
                let query = self.query()?;
                self.expect(")")?;
                with.push((name, columns, query));
                if !self.mark(",") {
                    break;
                }
            }
        }
        let body = self.set_expression()?;
        let mut query = Query { with, body, order: Vec::new(), offset: None, fetch: None };
        if self.words(&["order", "by"]) {
            loop {
                let expr = self.expr()?;
                let descending = self.word("desc");
                let _ = !descending && self.word("asc");
                query.order.push((expr, descending));
                if !self.mark(",") {
                    break;
                }
            }
        }
        if self.word("offset") {
            query.offset = Some(self.operand()?);
            let _ = self.word("rows") || self.word("row");
            if self.word("fetch") {
                let _ = self.word("next") || self.word("first");
                query.fetch = Some(self.operand()?);
                let _ = self.word("rows") || self.word("row");
                self.expect_word("only")?;
            }
        }
        self.options()?;
        Ok(query)
    }

    /// Parses and ignores `OPTION (…)`.
    pub(crate) fn options(&mut self) -> Sql<()> {
        if self.word("option") {
            self.expect("(")?;
            let mut depth = 1;
            while depth > 0 {
                match self.next() {
                    Token::Mark("(") => depth += 1,
                    Token::Mark(")") => depth -= 1,
                    Token::End => return Err(self.error()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn set_expression(&mut self) -> Sql<Set> {
        let mut left = self.set_operand()?;
        loop {
            let operator = if self.words(&["union", "all"]) {
                "UNION ALL"
            } else if self.word("union") {
                "UNION"
            } else if self.word("except") {
                "EXCEPT"
            } else if self.word("intersect") {
                "INTERSECT"
            } else {
                return Ok(left);
            };
            let right = self.set_operand()?;
            left = Set::Both { operator, left: Box::new(left), right: Box::new(right) };
        }
    }

    fn set_operand(&mut self) -> Sql<Set> {
        if self.mark("(") {
            let set = self.set_expression()?;
            self.expect(")")?;
            return Ok(set);
        }
        if self.word("values") {
            return self.rows().map(Set::Values);
        }
        self.select().map(|select| Set::Select(Box::new(select)))
    }

    fn rows(&mut self) -> Sql<Vec<Vec<Expr>>> {
        let mut rows = Vec::new();
        loop {
            self.expect("(")?;
            let mut row = Vec::new();
            loop {
                row.push(if self.word("default") { Expr::Default } else { self.expr()? });
                if !self.mark(",") {
                    break;
                }
            }
            self.expect(")")?;
            rows.push(row);
            if !self.mark(",") {
                return Ok(rows);
            }
        }
    }

    fn select(&mut self) -> Sql<Select> {
        self.expect_word("select")?;
        let distinct = self.word("distinct");
        let _ = !distinct && self.word("all");
        let top = if self.word("top") { Some(self.operand()?) } else { None };
        let items = self.items()?;
        let from = if self.word("from") { Some(self.sources()?) } else { None };
        let condition = if self.word("where") { Some(self.expr()?) } else { None };
        let mut group = Vec::new();
        if self.words(&["group", "by"]) {
            group = self.list()?;
        }
        let having = if self.word("having") { Some(self.expr()?) } else { None };
        Ok(Select { distinct, top, items, from, condition, group, having })
    }

    pub(crate) fn items(&mut self) -> Sql<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            items.push(self.item()?);
            if !self.mark(",") {
                return Ok(items);
            }
        }
    }

    fn item(&mut self) -> Sql<Item> {
        if self.mark("*") {
            return Ok(Item::Star(None));
        }
        if self.is_mark(1, ".") && self.is_mark(2, "*") {
            let alias = self.identifier()?;
            self.next();
            self.next();
            return Ok(Item::Star(Some(alias)));
        }
        if let Token::Variable(name) = self.peek().clone()
            && self.is_mark(1, "=")
        {
            self.next();
            self.next();
            return Ok(Item::Set(name, self.expr()?));
        }
        let expr = self.expr()?;
        let alias = self.alias()?;
        Ok(Item::Expr { expr, alias })
    }

    pub(crate) fn sources(&mut self) -> Sql<From> {
        let mut left = self.joined()?;
        while self.mark(",") {
            let right = Box::new(self.joined()?);
            left = From::Join { kind: "CROSS JOIN", left: Box::new(left), right, on: None };
        }
        Ok(left)
    }

    fn joined(&mut self) -> Sql<From> {
        let mut left = self.one_source()?;
        loop {
            let kind = if self.word("join") || self.words(&["inner", "join"]) {
                "JOIN"
            } else if self.words(&["left", "join"]) || self.words(&["left", "outer", "join"]) {
                "LEFT JOIN"
            } else if self.words(&["right", "join"]) || self.words(&["right", "outer", "join"]) {
                "RIGHT JOIN"
            } else if self.words(&["full", "join"]) || self.words(&["full", "outer", "join"]) {
                "FULL JOIN"
            } else if self.words(&["cross", "join"]) {
                "CROSS JOIN"
            } else {
                return Ok(left);
            };
            let right = self.one_source()?;
            let on = if kind == "CROSS JOIN" {
                None
            } else {
                self.expect_word("on")?;
                Some(self.expr()?)
            };
            left = From::Join { kind, left: Box::new(left), right: Box::new(right), on };
        }
    }

    fn one_source(&mut self) -> Sql<From> {
        if !self.mark("(") {
            let name = self.name()?;
            // A function of the server's state is parsed like its view.
            if name.schema().is_some_and(|schema| schema.eq_ignore_ascii_case("sys"))
                && self.mark("(")
            {
                self.list()?;
                self.expect(")")?;
            }
            let alias = self.alias()?;
            self.hints()?;
            return Ok(From::Table { name, alias });
        }
        let is_query = ["select", "values", "with"].iter().any(|word| self.is_word(0, word))
            || self.is_mark(0, "(");
        if !is_query {
            let inside = self.sources()?;
            self.expect(")")?;
            return Ok(inside);
        }
        let query = Box::new(self.query()?);
        self.expect(")")?;
        let alias = self.alias()?.ok_or_else(|| self.error())?;
        let columns = if self.is_mark(0, "(") { self.column_list()? } else { Vec::new() };
        Ok(From::Derived { query, alias, columns })
    }

    pub(crate) fn hints(&mut self) -> Sql<()> {
        if !self.is_word(0, "with") || !self.is_mark(1, "(") {
            return Ok(());
        }
        self.next();
        self.expect("(")?;
        loop {
            let Token::Word(hint) = self.next() else { return Err(self.error()) };
            if !HINTS.contains(&hint.to_ascii_lowercase().as_str()) {
                return Err(SqlError::syntax(&hint));
            }
            let _ = self.mark(",");
            if self.mark(")") {
                return Ok(());
            }
        }
    }

    fn list(&mut self) -> Sql<Vec<Expr>> {
        let mut list = vec![self.expr()?];
        while self.mark(",") {
            list.push(self.expr()?);
        }
        Ok(list)
    }

    pub(crate) fn expr(&mut self) -> Sql<Expr> {
        let mut left = self.conjunction()?;
        while self.word("or") {
            left = binary("OR", left, self.conjunction()?);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Sql<Expr> {
        let mut left = self.negation()?;
        while self.word("and") {
            left = binary("AND", left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Sql<Expr> {
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.negation()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Sql<Expr> {
        let left = self.sum()?;
        if self.word("is") {
            let negated = self.word("not");
            self.expect_word("null")?;
            return Ok(Expr::IsNull { of: Box::new(left), negated });
        }
        let negated =
            (self.is_word(1, "in") || self.is_word(1, "like") || self.is_word(1, "between"))
                && self.word("not");
        if self.word("in") {
            return self.membership(left, negated);
        }
        let of = Box::new(left);
        if self.word("like") {
            return Ok(Expr::Like { of, pattern: Box::new(self.sum()?), negated });
        }
        if self.word("between") {
            let low = Box::new(self.sum()?);
            self.expect_word("and")?;
            return Ok(Expr::Between { of, low, high: Box::new(self.sum()?), negated });
        }
        for (mark, operator) in [
            ("=", "="),
            ("<>", "<>"),
            ("!=", "<>"),
            ("<=", "<="),
            (">=", ">="),
            ("<", "<"),
            (">", ">"),
        ] {
            if self.mark(mark) {
                return Ok(binary(operator, *of, self.sum()?));
            }
        }
        Ok(*of)
    }

    fn membership(&mut self, left: Expr, negated: bool) -> Sql<Expr> {
        let of = Box::new(left);
        self.expect("(")?;
        let membership = if self.is_word(0, "select") || self.is_word(0, "values") {
            Expr::InQuery { of, query: Box::new(self.query()?), negated }
        } else {
            Expr::In { of, list: self.list()?, negated }
        };
        self.expect(")")?;
        Ok(membership)
    }

    fn sum(&mut self) -> Sql<Expr> {
        let mut left = self.product()?;
        loop {
            let operator = ["+", "-", "&", "|", "^"].into_iter().find(|mark| self.mark(mark));
            match operator {
                Some(operator) => left = binary(operator, left, self.product()?),
                None => return Ok(left),
            }
        }
    }

    fn product(&mut self) -> Sql<Expr> {
        let mut left = self.operand()?;
        loop {
            let operator = ["*", "/", "%"].into_iter().find(|mark| self.mark(mark));
            match operator {
                Some(operator) => left = binary(operator, left, self.operand()?),
                None => return Ok(left),
            }
        }
    }

    /// One operand: a constant, a column, a call, or an expression in parentheses.
    pub(crate) fn operand(&mut self) -> Sql<Expr> {
        match self.peek().clone() {
            Token::Number(digits) => {
                self.next();
                number(&digits)
            }
            Token::Text(text, national) => {
                self.next();
                Ok(Expr::Text(text, national))
            }
            Token::Bytes(bytes) => {
                self.next();
                Ok(Expr::Bytes(bytes))
            }
            Token::Variable(name) => {
                self.next();
                Ok(Expr::Variable(name))
            }
            Token::Mark("-") => {
                self.next();
                Ok(match self.operand()? {
                    Expr::Int(number) => Expr::Int(-number),
                    other => Expr::Minus(Box::new(other)),
                })
            }
            Token::Mark("+") => {
                self.next();
                self.operand()
            }
            Token::Mark("(") => self.parentheses(),
            Token::Word(word) => self.word_operand(&word),
            Token::Quoted(_) => Ok(Expr::Column(self.name()?.0)),
            _ => Err(self.error()),
        }
    }

    fn parentheses(&mut self) -> Sql<Expr> {
        self.expect("(")?;
        let inside = if self.is_word(0, "select") {
            Expr::Query(Box::new(self.query()?))
        } else {
            self.expr()?
        };
        self.expect(")")?;
        Ok(inside)
    }

    fn word_operand(&mut self, word: &str) -> Sql<Expr> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "null" => {
                self.next();
                return Ok(Expr::Null);
            }
            "exists" => {
                self.next();
                self.expect("(")?;
                let query = self.query()?;
                self.expect(")")?;
                return Ok(Expr::Exists(Box::new(query)));
            }
            "case" => return self.case(),
            "cast" | "try_cast" if self.is_mark(1, "(") => return self.cast(lower == "try_cast"),
            "convert" | "try_convert" if self.is_mark(1, "(") => {
                return self.convert(lower == "try_convert");
            }
            "current_timestamp" => {
                self.next();
                return Ok(Expr::Call {
                    name: "GETDATE".to_owned(),
                    arguments: Vec::new(),
                    distinct: false,
                });
            }
            _ => {}
        }
        let callable = !RESERVED.contains(&lower.as_str()) || lower == "left" || lower == "right";
        if callable && self.is_mark(1, "(") {
            self.next();
            return self.call(word);
        }
        Ok(Expr::Column(self.name()?.0))
    }

    fn call(&mut self, name: &str) -> Sql<Expr> {
        self.expect("(")?;
        let distinct = self.word("distinct");
        let arguments =
            if self.mark("*") || self.is_mark(0, ")") { Vec::new() } else { self.list()? };
        self.expect(")")?;
        Ok(Expr::Call { name: name.to_ascii_uppercase(), arguments, distinct })
    }

    fn case(&mut self) -> Sql<Expr> {
        self.next();
        let of = if self.is_word(0, "when") { None } else { Some(Box::new(self.expr()?)) };
        let mut whens = Vec::new();
        while self.word("when") {
            let when = self.expr()?;
            self.expect_word("then")?;
            whens.push((when, self.expr()?));
        }
        let otherwise = if self.word("else") { Some(Box::new(self.expr()?)) } else { None };
        self.expect_word("end")?;
        if whens.is_empty() { Err(self.error()) } else { Ok(Expr::Case { of, whens, otherwise }) }
    }

    fn cast(&mut self, quiet: bool) -> Sql<Expr> {
        self.next();
        self.expect("(")?;
        let of = Box::new(self.expr()?);
        self.expect_word("as")?;
        let to = self.type_of_length(30)?;
        self.expect(")")?;
        Ok(Expr::Cast { of, to, quiet })
    }

    fn convert(&mut self, quiet: bool) -> Sql<Expr> {
        self.next();
        self.expect("(")?;
        let to = self.type_of_length(30)?;
        self.expect(",")?;
        let of = Box::new(self.expr()?);
        self.expect(")")?;
        Ok(Expr::Cast { of, to, quiet })
    }
}

fn binary(operator: &'static str, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

fn number(digits: &str) -> Sql<Expr> {
    if digits.contains(['e', 'E']) {
        return digits.parse().map(Expr::Float).map_err(|_| SqlError::syntax(digits));
    }
    if digits.contains('.') {
        return Ok(Expr::Decimal(digits.to_owned()));
    }
    Ok(digits.parse().map_or_else(|_| Expr::Decimal(digits.to_owned()), Expr::Int))
}
