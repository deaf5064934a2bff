//! Parser from JSON to the table catalogue. Reports all errors at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::catalogue::{Catalogue, Column, ColumnDefault, ForeignKey, SqlType, Table};
use super::column::coerce_value;
use super::loader::{APPLICATIONS, BuiltinContract};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{SqlRow, SqlValue, Value};
use crate::util::utf16::{NAME_UNITS_MAX, utf16_len};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    schema: String,
    tables: Vec<FileTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    name: String,
    columns: Vec<FileColumn>,
    primary_key: Vec<String>,
    #[serde(default)]
    unique: Vec<Vec<String>>,
    #[serde(default)]
    foreign_keys: Vec<FileForeignKey>,
    #[serde(default)]
    indexes: Vec<Vec<String>>,
    #[serde(default)]
    rows: Vec<Map<String, Json>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileColumn {
    name: String,
    #[serde(rename = "type")]
    sql_type: String,
    nullable: bool,
    default: Option<Json>,
    #[serde(default)]
    identity: bool,
    computed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForeignKey {
    columns: Vec<String>,
    references: String,
    referenced_columns: Vec<String>,
    on_delete: Option<String>,
}

impl Catalogue {
    /// Parses the catalogue of a built-in contract.
    ///
    /// # Errors
    /// None for the built-in texts; tests parse each of them.
    pub fn shipped(shipped: BuiltinContract) -> Result<Self> {
        Self::parse(shipped.tables, &format!("table catalogue of {}", shipped.name))
    }

    /// Catalogue that is used if neither a catalogue nor a contract is given.
    ///
    /// # Errors
    /// None for the built-in texts; tests parse each of them.
    pub fn embedded() -> Result<Self> {
        Self::shipped(APPLICATIONS)
    }

    /// Default path of a contract's catalogue: `<contract>.tables.json` in the same folder.
    pub fn beside(contract: &Path) -> PathBuf {
        contract.with_extension("tables.json")
    }

    /// Reads and checks a catalogue file.
    ///
    /// # Errors
    /// A file that cannot be read, or all errors of its contents with table and column.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|cause| {
            let message = format!("cannot read the table catalogue {}", path.display());
            Error::caused(ErrorKind::Environment, message, cause)
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses and checks the text of a catalogue; `origin` names it in errors.
    ///
    /// # Errors
    /// All errors, with table and column.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let file: CatalogueFile = serde_json::from_str(text)
            .map_err(|cause| Error::caused(ErrorKind::Environment, origin, cause))?;
        let mut errors = Vec::new();
        let mut checker = Checker { file: &file, errors: &mut errors };
        let tables = checker.tables();
        if errors.is_empty() {
            return Ok(Self { schema: file.schema, tables });
        }
        let plural = if errors.len() == 1 { "" } else { "s" };
        let list = errors.join("\n  ");
        Err(Error::environment(format!("{origin} has {} error{plural}\n  {list}", errors.len())))
    }
}

struct Checker<'f> {
    file: &'f CatalogueFile,
    errors: &'f mut Vec<String>,
}

impl Checker<'_> {
    fn tables(&mut self) -> Vec<Table> {
        self.name("schema", &self.file.schema);
        let mut names = BTreeSet::new();
        for table in &self.file.tables {
            self.name("table", &table.name);
            if !names.insert(table.name.to_ascii_lowercase()) {
                self.errors.push(format!("{}: the table occurs twice", table.name));
            }
        }
        let file = self.file;
        file.tables.iter().enumerate().map(|(index, table)| self.table(index, table)).collect()
    }

    fn name(&mut self, what: &str, name: &str) {
        let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !sound || !starts || utf16_len(name) > NAME_UNITS_MAX {
            self.errors.push(format!(
                "{what} name {name:?}: use letters, digits and _, start with a letter or _, at most \
                 {NAME_UNITS_MAX} characters"
            ));
        }
    }

    fn table(&mut self, index: usize, table: &FileTable) -> Table {
        let columns = self.columns(table);
        if table.primary_key.is_empty() {
            self.errors.push(format!("{}: primary_key is empty", table.name));
        }
        let mut checked = Table {
            name: table.name.clone(),
            primary_key: self.key(table, "primary_key", &table.primary_key),
            unique: table.unique.iter().map(|key| self.key(table, "unique", key)).collect(),
            indexes: table.indexes.iter().map(|key| self.key(table, "indexes", key)).collect(),
            foreign_keys: Vec::new(),
            rows: Vec::new(),
            columns,
        };
        for key in &table.foreign_keys {
            checked.foreign_keys.extend(self.foreign_key(index, table, key));
        }
        if checked.columns.len() == table.columns.len() {
            checked.rows = table.rows.iter().map(|row| self.row(&checked, row)).collect();
        }
        checked
    }

    fn columns(&mut self, table: &FileTable) -> Vec<Column> {
        let mut names = BTreeSet::new();
        if table.columns.is_empty() {
            self.errors.push(format!("{}: the table has no columns", table.name));
        }
        for column in &table.columns {
            self.name("column", &column.name);
            if !names.insert(column.name.to_ascii_lowercase()) {
                self.errors
                    .push(format!("{}.{}: the column occurs twice", table.name, column.name));
            }
        }
        table.columns.iter().filter_map(|column| self.column(table, column)).collect()
    }

    fn column(&mut self, table: &FileTable, column: &FileColumn) -> Option<Column> {
        let place = format!("{}.{}", table.name, column.name);
        let Some(sql_type) = SqlType::parse(&column.sql_type) else {
            self.errors.push(format!("{place}: the type {:?} is not supported", column.sql_type));
            return None;
        };
        let default = column.default.as_ref().and_then(default_of);
        if column.default.as_ref().is_some_and(|json| !json.is_null()) && default.is_none() {
            self.errors.push(format!("{place}: the default must be a string or a number"));
        }
        if let Some(ColumnDefault::Constant(text)) = &default
            && let Err(cause) = coerce_value(&Value::Text(text.as_str().into()), sql_type)
        {
            self.errors.push(format!("{place}: the default {text:?} does not fit: {cause}"));
        }
        Some(Column {
            name: column.name.clone(),
            sql_type,
            nullable: column.nullable,
            default,
            identity: column.identity,
            computed: column.computed.clone(),
        })
    }

    fn key(&mut self, table: &FileTable, what: &str, names: &[String]) -> Vec<usize> {
        names.iter().filter_map(|name| self.column_index(table, what, name)).collect()
    }

    fn column_index(&mut self, table: &FileTable, what: &str, name: &str) -> Option<usize> {
        let index = table.columns.iter().position(|column| column.name == name);
        if index.is_none() {
            self.errors.push(format!("{}: {what} names {name}, which is not a column", table.name));
        }
        index
    }

    /// Checks a foreign key. It has to refer to an earlier table or to its own, because parents
    /// come first.
    fn foreign_key(
        &mut self,
        index: usize,
        table: &FileTable,
        key: &FileForeignKey,
    ) -> Option<ForeignKey> {
        let name = &table.name;
        let parent = self.file.tables.iter().position(|other| other.name == key.references);
        let Some(references) = parent else {
            self.errors.push(format!(
                "{name}: it refers to table {}, which does not exist",
                key.references
            ));
            return None;
        };
        if references > index {
            self.errors
                .push(format!("{name} refers to {}, which must come before it", key.references));
        }
        if key.columns.len() != key.referenced_columns.len() || key.columns.is_empty() {
            self.errors.push(format!(
                "{name}: the reference to {} must name as many columns as it refers to",
                key.references
            ));
        }
        let cascade = match key.on_delete.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("no action") => false,
            Some("cascade") => true,
            Some(other) => {
                self.errors.push(format!(
                    "{name}: on_delete is {other:?}; use \"cascade\" or \"no action\""
                ));
                false
            }
        };
        let columns = self.key(table, "foreign_keys", &key.columns);
        let parent = &self.file.tables[references];
        let referenced_columns = self.key(parent, "a reference", &key.referenced_columns);
        Some(ForeignKey { columns, references, referenced_columns, cascade })
    }

    fn row(&mut self, table: &Table, row: &Map<String, Json>) -> SqlRow {
        for name in row.keys().filter(|name| table.column(name).is_none()) {
            self.errors.push(format!("{}: a row names {name}, which is not a column", table.name));
        }
        let value = |column: &Column| {
            let place = format!("{}.{}", table.name, column.name);
            let value = row.get(&column.name).map_or(Value::Null, value_of);
            match coerce_value(&value, column.sql_type) {
                Ok(SqlValue::Null) if !column.nullable && !column.identity => {
                    Err(format!("{place}: a row has no value"))
                }
                Ok(value) => Ok(value),
                Err(cause) => Err(format!("{place}: a row's value does not fit: {cause}")),
            }
        };
        table
            .columns
            .iter()
            .map(|column| {
                value(column).unwrap_or_else(|error| {
                    self.errors.push(error);
                    SqlValue::Null
                })
            })
            .collect()
    }
}

/// Parses a default as DDL writes it, without the parentheses and quotes around a constant.
fn default_of(json: &Json) -> Option<ColumnDefault> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    let mut bare = text.trim();
    while let Some(inside) = bare.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        bare = inside.trim();
    }
    if matches!(bare.to_ascii_uppercase().as_str(), "GETUTCDATE()" | "SYSUTCDATETIME()") {
        return Some(ColumnDefault::Now);
    }
    let unquoted = bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(bare);
    Some(ColumnDefault::Constant(unquoted.replace("''", "'")))
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::loader::SHIPPED;

    #[test]
    fn the_shipped_catalogues_have_no_error() {
        for shipped in SHIPPED {
            let catalogue = Catalogue::shipped(shipped).unwrap();
            assert!(catalogue.table("app_base").is_some());
            assert!(catalogue.table("processing_log").is_some());
        }
    }

    #[test]
    fn all_errors_are_named_at_once_with_table_and_column() {
        let text = r#"{"schema": "s", "tables": [
            {"name": "a]; DROP TABLE x", "primary_key": [], "columns": []},
            {"name": "b", "primary_key": ["nothing"], "unique": [["id", "none"]],
             "foreign_keys": [
                {"columns": ["id"], "references": "c", "referenced_columns": ["id"]},
                {"columns": ["id"], "references": "z", "referenced_columns": ["id"]}],
             "columns": [
                {"name": "id", "type": "int", "nullable": false, "default": "x"},
                {"name": "ID", "type": "blob", "nullable": false}]},
            {"name": "c", "primary_key": ["id"], "rows": [{"id": "?"}, {"no": 1}, {}],
             "columns": [{"name": "id", "type": "tinyint", "nullable": false}]}]}"#;
        let error = Catalogue::parse(text, "here").unwrap_err().to_string();
        for expected in [
            "here has 14 errors",
            "table name \"a]; DROP TABLE x\"",
            "a]; DROP TABLE x: the table has no columns",
            "a]; DROP TABLE x: primary_key is empty",
            "b.ID: the column occurs twice",
            "b.id: the default \"x\" does not fit: not a whole number",
            "b.ID: the type \"blob\" is not supported",
            "b: primary_key names nothing, which is not a column",
            "b: unique names none, which is not a column",
            "b refers to c, which must come before it",
            "b: it refers to table z, which does not exist",
            "c.id: a row's value does not fit: not a whole number",
            "c: a row names no, which is not a column",
            "c.id: a row has no value",
        ] {
            assert!(error.contains(expected), "{expected}\nin\n{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_rejected() {
        let text = r#"{"schema": "s", "tables": [], "colour": 1}"#;
        assert!(Catalogue::parse(text, "here").unwrap_err().to_string().contains("colour"));
    }

    #[test]
    fn defaults_are_read_as_ddl_writes_them() {
        let constant = |text: &str| Some(ColumnDefault::Constant(text.to_owned()));
        for (written, read) in [
            ("GETUTCDATE()", Some(ColumnDefault::Now)),
            ("(getutcdate())", Some(ColumnDefault::Now)),
            ("((0))", constant("0")),
            ("('it''s')", constant("it's")),
            ("", constant("")),
        ] {
            assert_eq!(default_of(&Json::String(written.to_owned())), read, "{written}");
        }
    }
}
