//! The stores that one list of tests runs on: the embedded store, the same behind a simulated
//! network, the test double of SQL Server with two engines, and a server if `MIGRATOR_TEST_MSSQL`
//! names one.

use migrator::config::{Link, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::store::Store;
use migrator::store::mssql::MssqlStore;
use migrator::store::mssql::setup::Recreate;
use migrator::store::mssql::url::{Password, ServerUrl};
use migrator::store::schema::Tables;
use migrator::store::simulated_network::SimulatedNetwork;
use migrator::store::sqlite::SqliteStore;
use tempfile::TempDir;

use super::store::manual_clock::ManualClock;
use tds_double::{Engine, Options, TdsDouble};

/// URL of the server to test on. The password is in `MIGRATOR_DB_PASSWORD`.
const SERVER: &str = "MIGRATOR_TEST_MSSQL";
/// With `1`, a missing server fails the tests instead of skipping them.
const REQUIRED: &str = "MIGRATOR_TEST_MSSQL_REQUIRED";

/// An empty store, and the resources that it needs.
pub(crate) struct Backend {
    pub(crate) store: Box<dyn Store>,
    pub(crate) double: Option<TdsDouble>,
    _folder: Option<TempDir>,
}

impl Backend {
    /// A store that needs a resource of its own.
    pub(crate) fn of(store: Box<dyn Store>) -> Self {
        Self { store, double: None, _folder: None }
    }
}

/// An embedded store in a file of its own.
#[expect(clippy::unnecessary_wraps, reason = "a server may be missing")]
pub(crate) fn sqlite(catalogue: &Catalogue, _: &str) -> Option<Backend> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(catalogue).unwrap();
    let store = Box::new(SqliteStore::new(&path, Synchronous::Off, tables).unwrap());
    store.create_missing().unwrap();
    Some(Backend { store, double: None, _folder: Some(folder) })
}

/// The embedded store behind a simulated network, which must not change the stored rows.
pub(crate) fn linked(catalogue: &Catalogue, name: &str) -> Option<Backend> {
    let backend = sqlite(catalogue, name)?;
    let link = Link { connect_ms: 150, round_trip_ms: 1 };
    let store = Box::new(SimulatedNetwork::new(Box::leak(backend.store), link, ManualClock::new()));
    Some(Backend { store, ..backend })
}

/// The test double.
#[expect(clippy::unnecessary_wraps, reason = "a server may be missing")]
pub(crate) fn double(catalogue: &Catalogue, _: &str) -> Option<Backend> {
    Some(on_double(catalogue, Options::default()))
}

/// The test double with an engine that rolls back more than SQL Server does.
#[expect(clippy::unnecessary_wraps, reason = "a server may be missing")]
pub(crate) fn double_like_babelfish(catalogue: &Catalogue, _: &str) -> Option<Backend> {
    Some(on_double(catalogue, Options { engine: Engine::Babelfish, ..Options::default() }))
}

/// A store on a double with these options.
pub(crate) fn on_double(catalogue: &Catalogue, options: Options) -> Backend {
    let double = TdsDouble::start_with(options);
    let store = Box::new(store_on(&double, catalogue));
    store.create_missing().unwrap();
    Backend { store, double: Some(double), _folder: None }
}

/// A store on a double, without tables. Waits at most one second for locks.
pub(crate) fn store_on(double: &TdsDouble, catalogue: &Catalogue) -> MssqlStore {
    let url = format!("{}&command_timeout_s=2&connect_timeout_s=5", double.url());
    let password = Password::new(double.options().password.as_str());
    let tables = Tables::new(catalogue).unwrap();
    MssqlStore::new(ServerUrl::parse(&url).unwrap(), password, &catalogue.schema, tables).unwrap()
}

/// A schema of its own on a server; `None` if no server is named.
pub(crate) fn server(catalogue: &Catalogue, name: &str) -> Option<Backend> {
    let Ok(url) = std::env::var(SERVER) else {
        assert_ne!(std::env::var(REQUIRED).as_deref(), Ok("1"), "{SERVER} names no server");
        eprintln!("skipped: {SERVER} names no server");
        return None;
    };
    let schema = format!("test_{name}");
    let url = ServerUrl::parse(&url).unwrap().with_schema(Some(&schema));
    let password = Password::find(None).unwrap();
    let tables = Tables::new(catalogue).unwrap();
    let store = MssqlStore::new(url, password, &schema, tables).unwrap();
    store.recreate(Recreate::OwnSchema).unwrap();
    Some(Backend { store: Box::new(store), double: None, _folder: None })
}
