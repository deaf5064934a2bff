//! A test double of SQL Server: a loopback server that speaks enough TDS 7.4 for `tiberius`, parses
//! the T-SQL that it is sent with a grammar of its own, keeps tables in `SQLite`, refuses what SQL
//! Server would refuse with its error numbers, fails on demand, and writes down what it has seen.
//!
//! It is a fixture. It says nothing about SQL Server's speed, and where it knows a statement or a
//! rule less well than the server, it refuses rather than guesses. Known to differ: one transaction
//! writes at a time, so deadlocks come only by injection and lock escalation not at all; names are
//! looked up statement by statement, not for a batch as a whole; hints are read over; there are no
//! triggers, procedures, views of one's own or temporary tables.
#![expect(dead_code, reason = "every test takes what it needs of this")]

mod ast;
mod bulk;
mod catalog;
mod change;
pub(crate) mod client;
mod connection;
mod convert;
mod database;
mod define;
mod errors;
pub(crate) mod faults;
mod functions;
mod lexer;
mod login;
mod packet;
mod parser;
mod parser_define;
mod parser_query;
mod plan;
mod plan_calls;
mod plan_expr;
pub(crate) mod record;
mod request;
mod session;
mod tls;
mod tokens;
mod types;
mod values;
mod views;
mod wire;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use self::database::Database;
use self::faults::Faults;
pub(crate) use self::login::Login;
use self::record::{Counts, Message, Record};
pub(crate) use self::session::Engine;
use self::tls::Identity;
use self::tokens::OutColumn;
pub(crate) use self::types::Type;
pub(crate) use self::values::Datum;
use self::views::Canned;

/// How a double behaves.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) engine: Engine,
    /// Whether connections can be, and so are, encrypted.
    pub(crate) tls: bool,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: Engine::SqlServer,
            tls: false,
            user: "migrator".to_owned(),
            password: "Never-To-Be-Seen-7".to_owned(),
            database: "loans".to_owned(),
        }
    }
}

/// What the threads of a double share.
struct Shared {
    options: Options,
    identity: Option<Identity>,
    database: Arc<Database>,
    faults: Faults,
    record: Record,
    ended: AtomicBool,
    sockets: Mutex<HashMap<usize, TcpStream>>,
}

/// A running double; it ends, with all its connections, when it is dropped.
pub(crate) struct TdsDouble {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

impl TdsDouble {
    /// Starts one without encryption, with an empty database.
    pub(crate) fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            identity: options.tls.then(Identity::new),
            options,
            database: Arc::new(Database::new()),
            faults: Faults::default(),
            record: Record::default(),
            ended: AtomicBool::new(false),
            sockets: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let listener = std::thread::spawn(move || listen(&listener, &of_thread));
        Self { shared, address, listener: Some(listener) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for the migrator, as it is without a password.
    pub(crate) fn url(&self) -> String {
        let Options { user, database, tls, .. } = &self.shared.options;
        let encrypt = if *tls { "required" } else { "danger_plaintext" };
        format!("mssql://{user}@{}/{database}?encrypt={encrypt}", self.address)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// The certificate that a client has to trust, where there is one.
    pub(crate) fn certificate_pem(&self) -> Option<&str> {
        self.shared.identity.as_ref().map(|identity| identity.certificate_pem.as_str())
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.record.counts()
    }

    pub(crate) fn logins(&self) -> Vec<Login> {
        self.shared.record.logins()
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.shared.record.messages()
    }

    /// Fills a view of the server's state, which is otherwise refused.
    pub(crate) fn fill_view(&self, name: &str, columns: &[(&str, Type)], rows: Vec<Vec<Datum>>) {
        let columns = columns.iter().map(|(name, of)| OutColumn::plain(name, *of)).collect();
        let mut views = self.shared.database.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.canned.insert(name.to_lowercase(), Canned { columns, rows });
    }

    /// Waits until no connection is open, as long as this; whether it came to that.
    pub(crate) fn all_closed_within(&self, limit: std::time::Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        while self.counts().open > 0 {
            if std::time::Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        true
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for socket in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let Ok(socket) = socket else { continue };
        let _ = socket.set_nodelay(true);
        let number = shared.record.opened();
        if let Ok(copy) = socket.try_clone() {
            shared.sockets.lock().unwrap_or_else(PoisonError::into_inner).insert(number, copy);
        }
        let of_thread = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            connection::serve(&socket, number, &of_thread);
            of_thread.sockets.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            of_thread.record.closed();
        }));
        threads.retain(|thread| !thread.is_finished());
    }
    for thread in threads {
        let _ = thread.join();
    }
}

impl Drop for TdsDouble {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let sockets = self.shared.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for socket in sockets.values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(sockets);
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}
