//! Statements that change the catalogue.

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::Type;
use crate::engine::catalog::{Key, Table};
use crate::engine::change::kept_type;
use crate::engine::plan::{Planner, collation};
use crate::engine::session::Session;
use crate::sql::ast::{Name, Statement, TableDef};

impl Session {
    pub(crate) fn define(&mut self, statement: &Statement) -> Sql<()> {
        match statement {
            Statement::CreateSchema(name) => self.catalog_mut()?.add_schema(name),
            Statement::DropSchema { name, if_exists } => {
                if *if_exists && self.catalog().schema(name).is_none() {
                    return Ok(());
                }
                self.catalog_mut()?.drop_schema(name)
            }
            Statement::CreateTable(definition) => self.create_table(definition),
            Statement::DropTable { names, if_exists } => {
                names.iter().try_for_each(|name| self.drop_table(name, *if_exists))
            }
            Statement::CreateIndex { name, unique, table, columns } => {
                self.create_index(name, *unique, table, columns)
            }
            Statement::DropIndex { name, table } => self.drop_index(name, table),
            Statement::AddConstraint { table, name, constraint } => {
                let table = self.catalog().table(table)?.as_ref().clone();
                let mut changed = table.clone();
                self.catalog_mut()?.constrain(&mut changed, name.as_deref(), constraint)?;
                self.check_rows(&changed)?;
                if let Some(key) = changed.keys.get(table.keys.len()) {
                    self.keep_key(&changed, key)?;
                }
                self.catalog_mut()?.replace(changed);
                Ok(())
            }
            Statement::Truncate(name) => self.truncate(name),
            other => Err(SqlError::inside(format!("no way to run {other:?}"))),
        }
    }

    fn create_table(&mut self, definition: &TableDef) -> Sql<()> {
        if definition.name.object().starts_with('#') {
            return Err(SqlError::inside("temporary tables are not in the grammar"));
        }
        let mut definition = definition.clone();
        self.type_computed(&mut definition)?;
        let table = self.catalog_mut()?.add_table(&definition)?;
        self.database.reset_identity(table.id);
        let mut lines = Vec::new();
        for (place, column) in table.columns.iter().enumerate() {
            let kept = kept_type(column.of);
            lines.push(match &column.computed {
                Some(computed) => {
                    let (typed, _) = self.plan(|planner| planner.over_table(computed, &table))?;
                    format!("c{place} {kept} GENERATED ALWAYS AS ({}) VIRTUAL", typed.sql)
                }
                None => format!("c{place} {kept}"),
            });
        }
        for (name, check) in &table.checks {
            let (typed, _) =
                self.plan(|planner: &mut Planner<'_>| planner.over_table(check, &table))?;
            lines.push(format!("CONSTRAINT \"{}\" CHECK ({})", name.replace('"', ""), typed.sql));
        }
        self.sqlite(&format!("CREATE TABLE {} ({})", table.kept(), lines.join(", ")))?;
        table.keys.iter().try_for_each(|key| self.keep_key(&table, key))
    }

    /// Gives a computed column the type of its expression.
    fn type_computed(&self, definition: &mut TableDef) -> Sql<()> {
        let table = Table {
            id: 0,
            schema: String::new(),
            name: definition.name.object().to_owned(),
            columns: definition.columns.clone(),
            keys: Vec::new(),
            foreign: Vec::new(),
            checks: Vec::new(),
        };
        for column in &mut definition.columns {
            if let Some(computed) = &column.computed {
                let (typed, _) = self.plan(|planner| planner.over_table(computed, &table))?;
                column.of = if typed.of == Type::Null { Type::Int } else { typed.of };
            }
        }
        Ok(())
    }

    fn keep_key(&self, table: &Table, key: &Key) -> Sql<()> {
        let kept = table.kept();
        let name = index_name(table, &key.name);
        let columns: Vec<_> = key.columns.iter().map(|place| format!("c{place}")).collect();
        let columns = columns.join(", ");
        let takes_null = key.columns.iter().any(|place| table.columns[*place].nullable);
        let sql = match (key.unique, takes_null) {
            (false, _) => format!("CREATE INDEX \"{name}\" ON {kept} ({columns})"),
            (true, false) => format!("CREATE UNIQUE INDEX \"{name}\" ON {kept} ({columns})"),
            // In a unique key of the server null is a value like others, but not in `SQLite`.
            // Look-ups need the columns as they are.
            (true, true) => format!(
                "CREATE UNIQUE INDEX \"{name}\" ON {kept} ({}); \
                 CREATE INDEX \"{name} plain\" ON {kept} ({columns})",
                null_as_value(table, key)
            ),
        };
        self.sqlite(&sql).map_err(|_| {
            let message = format!(
                "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for \
                 the object name '{}' and the index name '{}'.",
                table.shown(),
                key.name
            );
            SqlError::new(1505, 16, Effect::Statement, message)
        })
    }

    fn create_index(
        &mut self,
        name: &str,
        unique: bool,
        table: &Name,
        columns: &[String],
    ) -> Sql<()> {
        let mut table = self.catalog().table(table)?.as_ref().clone();
        if table.keys.iter().any(|key| key.name.eq_ignore_ascii_case(name)) {
            let message = format!(
                "The operation failed because an index or statistics with name '{name}' already \
                 exists on table '{}'.",
                table.shown()
            );
            return Err(SqlError::new(1913, 16, Effect::Statement, message));
        }
        let columns = table.places(columns)?;
        let key = Key { name: name.to_owned(), primary: false, constraint: false, unique, columns };
        self.keep_key(&table, &key)?;
        table.keys.push(key);
        self.catalog_mut()?.replace(table);
        Ok(())
    }

    fn drop_index(&mut self, name: &str, table: &Name) -> Sql<()> {
        let mut table = self.catalog().table(table)?.as_ref().clone();
        let before = table.keys.len();
        table.keys.retain(|key| key.constraint || !key.name.eq_ignore_ascii_case(name));
        if table.keys.len() == before {
            let message = format!(
                "Cannot drop the index '{}.{name}', because it does not exist or you do not have \
                 permission.",
                table.name
            );
            return Err(SqlError::new(3701, 11, Effect::Statement, message));
        }
        let kept = index_name(&table, name);
        self.sqlite(&format!("DROP INDEX \"{kept}\"; DROP INDEX IF EXISTS \"{kept} plain\""))?;
        self.catalog_mut()?.replace(table);
        Ok(())
    }

    fn drop_table(&mut self, name: &Name, if_exists: bool) -> Sql<()> {
        if if_exists && self.catalog().find(name).is_none() {
            return Ok(());
        }
        let table = self.catalog_mut()?.drop_table(name)?;
        self.sqlite(&format!("DROP TABLE {}", table.kept()))
    }

    fn truncate(&mut self, name: &Name) -> Sql<()> {
        let catalog = self.catalog();
        let table = catalog.table(name)?;
        let referred = catalog
            .tables
            .iter()
            .any(|other| other.foreign.iter().any(|key| key.parent == table.id));
        if referred {
            let message = format!(
                "Cannot truncate table '{}' because it is being referenced by a FOREIGN KEY \
                 constraint.",
                name.shown()
            );
            return Err(SqlError::new(4712, 16, Effect::Statement, message));
        }
        self.database.reset_identity(table.id);
        self.sqlite(&format!("DELETE FROM {}", table.kept()))
    }

    /// Checks existing rows against a new foreign key.
    fn check_rows(&self, table: &Table) -> Sql<()> {
        let all: Vec<_> = (0..table.columns.len()).map(|at| format!("c{at}")).collect();
        let rows = self.rows(&format!("SELECT {} FROM {}", all.join(", "), table.kept()), &[])?;
        rows.iter().try_for_each(|row| self.check_parents(table, row, "ALTER TABLE"))
    }
}

/// The columns of a key. Null is replaced by a value that no column can have.
fn null_as_value(table: &Table, key: &Key) -> String {
    let columns = key.columns.iter().map(|place| {
        let collate = collation(table.type_of(*place)).map(|name| format!(" COLLATE {name}"));
        format!("ifnull(c{place}, x'00FF00FF'){}", collate.unwrap_or_default())
    });
    columns.collect::<Vec<_>>().join(", ")
}

pub(crate) fn index_name(table: &Table, name: &str) -> String {
    format!("{}_{}", table.kept(), name.to_lowercase().replace('"', ""))
}
