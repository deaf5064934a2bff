//! The existing schemas and tables, as a value. A transaction that changes tables has its own copy,
//! which becomes visible to others with its commit.

use std::sync::Arc;

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::Type;
use crate::sql::ast::{ColumnDef, Constraint, Expr, Name, TableDef};

#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pub(crate) schemas: Vec<(i64, String)>,
    pub(crate) tables: Vec<Arc<Table>>,
    next_id: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) id: i64,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) keys: Vec<Key>,
    pub(crate) foreign: Vec<Foreign>,
    pub(crate) checks: Vec<(String, Expr)>,
}

/// A primary key, a unique constraint or an index.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) primary: bool,
    pub(crate) constraint: bool,
    pub(crate) unique: bool,
    pub(crate) columns: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: i64,
    pub(crate) parent_columns: Vec<usize>,
    pub(crate) cascade: bool,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { schemas: vec![(1, "dbo".to_owned())], tables: Vec::new(), next_id: 1_000 }
    }
}

pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

impl Catalog {
    pub(crate) fn schema(&self, name: &str) -> Option<&(i64, String)> {
        self.schemas.iter().find(|(_, schema)| same(schema, name))
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<Table>> {
        let schema = name.schema().unwrap_or("dbo");
        self.tables.iter().find(|t| same(&t.schema, schema) && same(&t.name, name.object()))
    }

    pub(crate) fn table(&self, name: &Name) -> Sql<&Arc<Table>> {
        self.find(name).ok_or_else(|| SqlError::unknown_object(&name.shown()))
    }

    pub(crate) fn by_id(&self, id: i64) -> Option<&Arc<Table>> {
        self.tables.iter().find(|table| table.id == id)
    }

    fn next_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn add_schema(&mut self, name: &str) -> Sql<()> {
        if self.schema(name).is_some() {
            let message = format!("There is already an object named '{name}' in the database.");
            return Err(SqlError::new(2714, 16, Effect::Batch, message));
        }
        let id = self.next_id();
        self.schemas.push((id, name.to_owned()));
        Ok(())
    }

    pub(crate) fn drop_schema(&mut self, name: &str) -> Sql<()> {
        if let Some(table) = self.tables.iter().find(|table| same(&table.schema, name)) {
            let message = format!(
                "Cannot drop schema '{name}' because it is being referenced by object '{}'.",
                table.name
            );
            return Err(SqlError::new(3729, 16, Effect::Statement, message));
        }
        let place = self.schemas.iter().position(|(_, schema)| same(schema, name));
        let message = format!(
            "Cannot drop the schema '{name}', because it does not exist or you do not have permission."
        );
        let place = place.ok_or_else(|| SqlError::new(15151, 16, Effect::Statement, message))?;
        self.schemas.remove(place);
        Ok(())
    }

    /// Adds a table with all parts of its definition.
    pub(crate) fn add_table(&mut self, definition: &TableDef) -> Sql<Arc<Table>> {
        let schema = definition.name.schema().unwrap_or("dbo");
        let Some((_, schema)) = self.schema(schema) else {
            let message = format!(
                "The specified schema name \"{schema}\" either does not exist or you do not have \
                 permission to use it."
            );
            return Err(SqlError::new(2760, 16, Effect::Batch, message));
        };
        let (schema, name) = (schema.clone(), definition.name.object().to_owned());
        if self.find(&definition.name).is_some() {
            let message = format!("There is already an object named '{name}' in the database.");
            return Err(SqlError::new(2714, 16, Effect::Batch, message));
        }
        let mut table = Table {
            id: self.next_id(),
            schema,
            name,
            columns: definition.columns.clone(),
            keys: Vec::new(),
            foreign: Vec::new(),
            checks: Vec::new(),
        };
        for (place, column) in table.columns.iter().enumerate() {
            if table.columns[..place].iter().any(|other| same(&other.name, &column.name)) {
                let message = format!(
                    "Column names in each table must be unique. Column name '{}' in table '{}' is \
                     specified more than once.",
                    column.name, table.name
                );
                return Err(SqlError::new(2705, 16, Effect::Batch, message));
            }
        }
        // Keys first: a foreign key may refer to the table itself.
        let (keys, others): (Vec<_>, Vec<_>) = definition
            .constraints
            .iter()
            .partition(|(_, constraint)| matches!(constraint, Constraint::Key { .. }));
        for (name, constraint) in keys.into_iter().chain(others) {
            self.constrain(&mut table, name.as_deref(), constraint)?;
        }
        let table = Arc::new(table);
        self.tables.push(Arc::clone(&table));
        Ok(table)
    }

    /// Adds one constraint to a table outside of the catalogue.
    pub(crate) fn constrain(
        &mut self,
        table: &mut Table,
        name: Option<&str>,
        constraint: &Constraint,
    ) -> Sql<()> {
        let made_up = |kind: &str, id: i64| format!("{kind}__{}__{id:08X}", table.name);
        let id = self.next_id();
        match constraint {
            Constraint::Key { primary, columns } => {
                let columns = table.places(columns)?;
                if *primary {
                    for &place in &columns {
                        table.columns[place].nullable = false;
                    }
                }
                let kind = if *primary { "PK" } else { "UQ" };
                let name = name.map_or_else(|| made_up(kind, id), str::to_owned);
                table.keys.push(Key {
                    name,
                    primary: *primary,
                    constraint: true,
                    unique: true,
                    columns,
                });
            }
            Constraint::Check(condition) => {
                let name = name.map_or_else(|| made_up("CK", id), str::to_owned);
                table.checks.push((name, condition.clone()));
            }
            Constraint::Foreign { columns, parent, parent_columns, cascade } => {
                let name = name.map_or_else(|| made_up("FK", id), str::to_owned);
                let of_itself = same(parent.schema().unwrap_or("dbo"), &table.schema)
                    && same(parent.object(), &table.name);
                let parent_table = if of_itself { &*table } else { self.parent(parent, &name)? };
                let parent_places = if parent_columns.is_empty() {
                    parent_table.primary().map(|key| key.columns.clone()).unwrap_or_default()
                } else {
                    parent_table.places(parent_columns)?
                };
                if !parent_table.keys.iter().any(|key| key.unique && key.columns == parent_places) {
                    let message = format!(
                        "There are no primary or candidate keys in the referenced table '{}' that \
                         match the referencing column list in the foreign key '{name}'.",
                        parent.shown()
                    );
                    return Err(SqlError::new(1776, 16, Effect::Batch, message));
                }
                let foreign = Foreign {
                    name,
                    columns: table.places(columns)?,
                    parent: parent_table.id,
                    parent_columns: parent_places,
                    cascade: *cascade,
                };
                table.foreign.push(foreign);
            }
        }
        Ok(())
    }

    fn parent(&self, parent: &Name, foreign: &str) -> Sql<&Table> {
        let message =
            format!("Foreign key '{foreign}' references invalid table '{}'.", parent.shown());
        let missing = || SqlError::new(1767, 16, Effect::Batch, message);
        self.find(parent).map(AsRef::as_ref).ok_or_else(missing)
    }

    pub(crate) fn replace(&mut self, table: Table) {
        if let Some(place) = self.tables.iter().position(|other| other.id == table.id) {
            self.tables[place] = Arc::new(table);
        }
    }

    /// Removes a table, unless another one refers to it.
    pub(crate) fn drop_table(&mut self, name: &Name) -> Sql<Arc<Table>> {
        let Some(table) = self.find(name).cloned() else {
            let message = format!(
                "Cannot drop the table '{}', because it does not exist or you do not have permission.",
                name.shown()
            );
            return Err(SqlError::new(3701, 11, Effect::Statement, message));
        };
        let referred = |other: &Arc<Table>| {
            other.id != table.id && other.foreign.iter().any(|key| key.parent == table.id)
        };
        if self.tables.iter().any(referred) {
            let message = format!(
                "Could not drop object '{}' because it is referenced by a FOREIGN KEY constraint.",
                name.shown()
            );
            return Err(SqlError::new(3726, 16, Effect::Statement, message));
        }
        self.tables.retain(|other| other.id != table.id);
        Ok(table)
    }
}

impl Table {
    pub(crate) fn primary(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.primary)
    }

    pub(crate) fn place(&self, name: &str) -> Sql<usize> {
        self.columns
            .iter()
            .position(|column| same(&column.name, name))
            .ok_or_else(|| SqlError::unknown_column(name))
    }

    pub(crate) fn places(&self, names: &[String]) -> Sql<Vec<usize>> {
        names.iter().map(|name| self.place(name)).collect()
    }

    /// Name of the `SQLite` table that stores the rows.
    pub(crate) fn kept(&self) -> String {
        format!("t{}", self.id)
    }

    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    pub(crate) fn type_of(&self, place: usize) -> Type {
        self.columns[place].of
    }
}
