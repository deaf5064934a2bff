//! SQL Server, and whatever else speaks TDS and T-SQL, through `tiberius`.
//!
//! The traits block: each connection waits on a small runtime of its own ([`wire`]). What is sent
//! stands in [`sql`] and [`ddl`], what the values become in [`value`], what errors mean in
//! [`fault`]. A run only checks its tables; `migrator init` creates them ([`setup`]).

pub mod connection;
pub mod ddl;
pub mod error_codes;
pub mod schema_introspection;
pub mod server_stats;
pub mod setup;
pub mod sql;
pub mod url;
pub mod value;
pub mod wire;

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

/// A store in one schema of one database of one server.
pub struct MssqlStore {
    context: Arc<ServerContext>,
}

impl MssqlStore {
    /// A store for these tables; connects to nothing. The URL's schema goes before `schema`, the
    /// catalogue's.
    pub fn new(url: ServerUrl, password: Password, schema: &str, tables: Tables) -> Result<Self> {
        let schema = url.schema.clone().unwrap_or_else(|| schema.to_owned());
        ddl::check_schema(&schema)?;
        let login = Login::new(url, password)?;
        Ok(Self { context: Arc::new(ServerContext::new(login, schema, tables)) })
    }

    /// Removes the store's tables and creates them again, or creates them where there are none.
    ///
    /// Refuses a schema that `migrator init` has not created, unless it is told its name.
    pub fn recreate(&self, told: Recreate<'_>) -> Result<Setup> {
        setup::recreate(&mut self.open(Role::Untimed)?, told)
    }

    /// Creates a source table (contract.md 2.1), or takes one that is there and empty.
    pub fn create_source(&self, table: &str, text_column: &str) -> Result<()> {
        setup::create_source(&mut self.open(Role::Untimed)?, table, text_column)
    }

    /// What is there, and what of it differs from the tables that should be. Changes nothing.
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
        self.context.probe.start(connection.wire());
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
        self.context.probe.report(connection.wire())
    }
}
