//! SQL Server, and other servers that speak TDS and T-SQL, through `tiberius`.
//!
//! The traits block: each connection waits on a small runtime of its own ([`wire`]). Statements are
//! in [`sql`] and [`ddl`], value conversions in [`value`], the meaning of errors in
//! [`error_codes`]. A run only checks its tables; `migrator init` creates them ([`setup`]).

pub(crate) mod connection;
pub(crate) mod ddl;
pub(crate) mod error_codes;
pub(crate) mod schema_introspection;
pub(crate) mod server_stats;
pub mod setup;
pub mod sql;
pub mod url;
pub(crate) mod value;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::telemetry::report::{Connections, ServerReport, StoreInfo};

use self::connection::{MssqlConnection, ServerContext};
use self::setup::Recreate;
use self::url::{Password, ServerUrl};
use self::wire::Login;
use super::introspect::Inspection;
use super::schema::Tables;
use super::{Connection, Role, Setup, Store};

/// A store in one schema of a database.
pub struct MssqlStore {
    context: Arc<ServerContext>,
}

impl MssqlStore {
    /// A store for these tables. Does not connect. The URL's schema takes precedence over `schema`,
    /// the catalogue's.
    pub fn new(url: ServerUrl, password: Password, schema: &str, tables: Tables) -> Result<Self> {
        let schema = url.schema.clone().unwrap_or_else(|| schema.to_owned());
        ddl::check_schema(&schema)?;
        let login = Login::new(url, password)?;
        Ok(Self { context: Arc::new(ServerContext::new(login, schema, tables)) })
    }

    /// Drops the store's tables and creates them again, or creates them if there are none.
    ///
    /// # Errors
    ///
    /// `migrator init` did not create the schema, and `told` does not name it.
    pub fn recreate(&self, told: Recreate<'_>) -> Result<Setup> {
        setup::recreate(&mut self.open(Role::Untimed)?, told)
    }

    /// Creates a source table (contract.md 2.1). An existing empty table is used as it is.
    pub fn create_source(&self, table: &str, text_column: &str) -> Result<()> {
        setup::create_source(&mut self.open(Role::Untimed)?, table, text_column)
    }

    /// Existing tables and their differences to `wanted`. Changes nothing.
    pub fn inspect(&self, wanted: Option<&Tables>) -> Result<Inspection> {
        setup::inspect(&mut self.open(Role::Untimed)?, wanted)
    }

    fn open(&self, role: Role) -> Result<MssqlConnection> {
        MssqlConnection::open(&self.context, role)
    }
}

impl Store for MssqlStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { kind: "mssql".to_owned(), version: self.context.version() }
    }

    fn tables(&self) -> &Tables {
        &self.context.tables
    }

    fn create_missing(&self) -> Result<Setup> {
        setup::create_missing(&mut self.open(Role::Untimed)?)
    }

    fn prepare_schema(&self) -> Result<Setup> {
        let mut connection = self.open(Role::Untimed)?;
        let setup = setup::check(&mut connection)?;
        self.context.stats.start(connection.wire());
        Ok(setup)
    }

    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.open(role)?))
    }

    fn connections(&self) -> BTreeMap<String, Connections> {
        self.context.counts.report()
    }

    fn server(&self) -> Option<ServerReport> {
        let mut connection = self.open(Role::Untimed).ok()?;
        self.context.stats.report(connection.wire())
    }
}
