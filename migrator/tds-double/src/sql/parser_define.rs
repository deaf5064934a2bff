//! Parser of data definition statements.

use crate::data::errors::{Sql, SqlError};
use crate::data::types::Type;
use crate::sql::ast::{ColumnDef, Constraint, Expr, Statement, TableDef};
use crate::sql::lexer::Token;
use crate::sql::parser::Parser;

impl Parser {
    pub(crate) fn create(&mut self) -> Sql<Statement> {
        self.next();
        if self.word("schema") {
            let name = self.identifier()?;
            if self.word("authorization") {
                self.identifier()?;
            }
            return Ok(Statement::CreateSchema(name));
        }
        if self.word("table") {
            return self.create_table().map(Statement::CreateTable);
        }
        let unique = self.word("unique");
        let _ = self.word("clustered") || self.word("nonclustered");
        self.expect_word("index")?;
        let name = self.identifier()?;
        self.expect_word("on")?;
        let table = self.name()?;
        let columns = self.column_list()?;
        if self.word("include") {
            self.column_list()?;
        }
        Ok(Statement::CreateIndex { name, unique, table, columns })
    }

    fn create_table(&mut self) -> Sql<TableDef> {
        let name = self.name()?;
        self.expect("(")?;
        let mut table = TableDef { name, columns: Vec::new(), constraints: Vec::new() };
        loop {
            let named = self.is_word(0, "constraint");
            let constraint = named
                || ["primary", "unique", "foreign", "check"].iter().any(|w| self.is_word(0, w));
            if constraint {
                let name = if self.word("constraint") { Some(self.identifier()?) } else { None };
                let constraint = self.constraint()?;
                table.constraints.push((name, constraint));
            } else {
                self.column(&mut table)?;
            }
            if !self.mark(",") {
                break;
            }
        }
        self.expect(")")?;
        if self.word("on") {
            self.identifier()?;
        }
        if self.word("with") {
            self.expect("(")?;
            while !self.mark(")") {
                self.next();
            }
        }
        Ok(table)
    }

    fn constraint(&mut self) -> Sql<Constraint> {
        if self.words(&["primary", "key"]) || self.is_word(0, "unique") {
            let primary = !self.word("unique");
            let _ = self.word("clustered") || self.word("nonclustered");
            return Ok(Constraint::Key { primary, columns: self.column_list()? });
        }
        if self.words(&["foreign", "key"]) {
            let columns = self.column_list()?;
            return self.references(columns);
        }
        self.expect_word("check")?;
        self.expect("(")?;
        let condition = self.expr()?;
        self.expect(")")?;
        Ok(Constraint::Check(condition))
    }

    fn references(&mut self, columns: Vec<String>) -> Sql<Constraint> {
        self.expect_word("references")?;
        let parent = self.name()?;
        let parent_columns = if self.is_mark(0, "(") { self.column_list()? } else { Vec::new() };
        let mut cascade = false;
        while self.word("on") {
            let of_delete = self.word("delete");
            if !of_delete {
                self.expect_word("update")?;
            }
            if self.word("cascade") {
                cascade |= of_delete;
            } else if !self.words(&["no", "action"]) {
                return Err(self.error());
            }
        }
        Ok(Constraint::Foreign { columns, parent, parent_columns, cascade })
    }

    fn column(&mut self, table: &mut TableDef) -> Sql<()> {
        let name = self.identifier()?;
        let mut column = ColumnDef {
            name: name.clone(),
            of: Type::Null,
            nullable: true,
            default: None,
            identity: None,
            computed: None,
        };
        if self.word("as") {
            column.computed = Some(self.expr()?);
            self.word("persisted");
            table.columns.push(column);
            return Ok(());
        }
        column.of = self.data_type()?;
        let mut constraint_name = None;
        loop {
            if self.words(&["not", "null"]) {
                column.nullable = false;
            } else if self.word("null") {
                column.nullable = true;
            } else if self.word("identity") {
                column.identity = Some(self.identity()?);
                column.nullable = false;
            } else if self.word("constraint") {
                constraint_name = Some(self.identifier()?);
            } else if self.word("default") {
                column.default = Some(self.operand()?);
                constraint_name = None;
            } else if self.is_word(0, "primary") || self.is_word(0, "unique") {
                let primary = !self.word("unique");
                if primary {
                    self.words(&["primary", "key"]);
                    column.nullable = false;
                }
                let _ = self.word("clustered") || self.word("nonclustered");
                let key = Constraint::Key { primary, columns: vec![name.clone()] };
                table.constraints.push((constraint_name.take(), key));
            } else if self.is_word(0, "references") {
                let key = self.references(vec![name.clone()])?;
                table.constraints.push((constraint_name.take(), key));
            } else if self.is_word(0, "check") {
                let check = self.constraint()?;
                table.constraints.push((constraint_name.take(), check));
            } else {
                break;
            }
        }
        table.columns.push(column);
        Ok(())
    }

    fn identity(&mut self) -> Sql<(i64, i64)> {
        if !self.mark("(") {
            return Ok((1, 1));
        }
        let seed = self.expr()?;
        self.expect(",")?;
        let step = self.expr()?;
        self.expect(")")?;
        match (seed, step) {
            (Expr::Int(seed), Expr::Int(step)) => Ok((seed, step)),
            _ => Err(self.error()),
        }
    }

    pub(crate) fn alter(&mut self) -> Sql<Statement> {
        self.next();
        self.expect_word("table")?;
        let table = self.name()?;
        if self.word("with") {
            let _ = self.word("check") || self.word("nocheck");
        }
        self.expect_word("add")?;
        let name = if self.word("constraint") { Some(self.identifier()?) } else { None };
        let constraint = self.constraint()?;
        Ok(Statement::AddConstraint { table, name, constraint })
    }

    pub(crate) fn drop(&mut self) -> Sql<Statement> {
        self.next();
        let what = match self.next() {
            Token::Word(word) => word.to_ascii_lowercase(),
            other => return Err(SqlError::syntax(&other.shown())),
        };
        let if_exists = self.words(&["if", "exists"]);
        match what.as_str() {
            "table" => {
                let mut names = vec![self.name()?];
                while self.mark(",") {
                    names.push(self.name()?);
                }
                Ok(Statement::DropTable { names, if_exists })
            }
            "schema" => Ok(Statement::DropSchema { name: self.identifier()?, if_exists }),
            "index" => {
                let name = self.identifier()?;
                self.expect_word("on")?;
                Ok(Statement::DropIndex { name, table: self.name()? })
            }
            other => Err(SqlError::syntax(other)),
        }
    }
}
