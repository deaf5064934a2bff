//! One connection to a server over TDS, waited for on a runtime of its own. Knows no tables.
//!
//! A request is always carried to its end: a future that is dropped in the middle leaves a
//! connection that hangs at the next use. The connection is **clean** between requests that have
//! ended, with an answer or with an error that the server has sent. Anything else closes it at once,
//! so that the server undoes what is open in it and lets go of its locks, and every further call
//! fails as `Disconnected`.

use std::io;

use futures_util::TryStreamExt;
use tiberius::error::Error as WireError;
use tiberius::{
    AuthMethod, Client, ColumnData, Config, EncryptionLevel, Query, QueryItem, QueryStream,
    SqlBulkCopyOption, SqlBulkCopyOptions, TokenRow,
};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::error::{Error, ErrorKind, Result};

use super::error_codes;
use super::url::{Encrypt, Password, ServerUrl, Trust};

type Tds = Client<Compat<TcpStream>>;
type WireResult<T> = std::result::Result<T, WireError>;

/// Who logs in where: everything that a connection needs.
#[derive(Debug, Clone)]
pub struct Login {
    /// The server.
    pub url: ServerUrl,
    password: Password,
    /// The contents of the file of authorities.
    authorities: Option<Vec<u8>>,
}

impl Login {
    /// Reads the file of authorities, where the URL names one.
    pub fn new(url: ServerUrl, password: Password) -> Result<Self> {
        let authorities = match &url.encrypt {
            Encrypt::Required(Trust::Signed { ca: Some(path), .. })
            | Encrypt::Strict(Trust::Signed { ca: Some(path), .. }) => {
                Some(std::fs::read(path).map_err(|cause| {
                    let message = format!("authorities of {url}: {}", path.display());
                    Error::caused(ErrorKind::Environment, message, cause)
                })?)
            }
            _ => None,
        };
        Ok(Self { url, password, authorities })
    }

    fn config(&self) -> Config {
        let url = &self.url;
        let mut config = Config::new();
        config.host(&url.host);
        config.port(url.port);
        config.database(&url.database);
        config.application_name(&url.application_name);
        config.packet_size(url.packet_size);
        config.handshake_timeout(Some(url.connect_timeout));
        config.command_timeout(Some(url.command_timeout));
        config.authentication(AuthMethod::sql_server(&url.user, self.password.reveal()));
        let (level, trust) = match &url.encrypt {
            Encrypt::Required(trust) => (EncryptionLevel::Required, Some(trust)),
            Encrypt::Strict(trust) => (EncryptionLevel::Strict, Some(trust)),
            Encrypt::Plaintext => (EncryptionLevel::NotSupported, None),
        };
        config.encryption(level);
        match trust {
            Some(Trust::Any) => config.trust_cert(),
            Some(Trust::Signed { host, .. }) => {
                if let Some(authorities) = &self.authorities {
                    config.trust_cert_ca_bundle(authorities.as_slice());
                }
                if let Some(host) = host {
                    config.hostname_in_certificate(host);
                }
            }
            None => {}
        }
        config
    }
}

/// A connection. It is closed when it is dropped, and the server then undoes its transaction.
pub struct Wire {
    runtime: Runtime,
    /// None once a request has not ended as it should.
    client: Option<Tds>,
}

/// What stopped a query: the wire or the server, or whoever took the rows.
pub enum QueryError {
    /// The wire or the server.
    Wire(WireError),
    /// Whoever took the rows.
    Consumer(Error),
}

impl Wire {
    /// Connects and logs in.
    pub fn open(login: &Login) -> WireResult<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let client = Some(runtime.block_on(connect(login))?);
        Ok(Self { runtime, client })
    }

    /// Whether the last request has ended, so that the next one can begin.
    pub fn is_clean(&self) -> bool {
        self.client.is_some()
    }

    /// Sends a text without parameters, of any number of statements.
    pub fn batch(&mut self, text: &str) -> WireResult<()> {
        self.request(async |client| client.simple_query(text).await?.into_results().await)?;
        Ok(())
    }

    /// The first row of what a text without parameters gives.
    pub fn batch_row(&mut self, text: &str) -> WireResult<Option<Vec<ColumnData<'static>>>> {
        self.request(async |client| client.simple_query(text).await?.into_row().await)
            .map(|row| row.map(|row| row.into_iter().collect()))
    }

    /// The first row of what a statement gives.
    pub fn row(
        &mut self,
        text: &str,
        parameters: Vec<ColumnData<'_>>,
    ) -> WireResult<Option<Vec<ColumnData<'static>>>> {
        let mut first = None;
        let taken = self.query(text, parameters, &mut |row| {
            first.get_or_insert_with(|| row.to_vec());
            Ok(())
        });
        match taken {
            Ok(()) => Ok(first),
            Err(QueryError::Wire(error)) => Err(error),
            // The taker above has no errors.
            Err(QueryError::Consumer(_)) => Ok(None),
        }
    }

    /// Gives every row of a statement's result to `each`, one at a time. An error of `each` ends
    /// the query, and with it the use of this connection.
    pub fn query(
        &mut self,
        text: &str,
        parameters: Vec<ColumnData<'_>>,
        each: &mut dyn FnMut(&[ColumnData<'static>]) -> Result<()>,
    ) -> std::result::Result<(), QueryError> {
        let taken = self.request(async |client| {
            let stream = if parameters.is_empty() {
                client.simple_query(text).await?
            } else {
                bound(text, parameters).query(client).await?
            };
            take_rows(stream, each).await
        });
        match taken {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.client = None;
                Err(QueryError::Consumer(error))
            }
            Err(error) => Err(QueryError::Wire(error)),
        }
    }

    /// Carries out a statement and returns how many rows it changed.
    pub fn execute(&mut self, text: &str, parameters: Vec<ColumnData<'_>>) -> WireResult<u64> {
        self.request(async |client| bound(text, parameters).execute(client).await)
            .map(tiberius::ExecuteResult::total)
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> WireResult<()> {
        self.request(async |client| client.begin_transaction().await)
    }

    /// Commits the transaction.
    pub fn commit(&mut self) -> WireResult<()> {
        self.request(async |client| client.commit_transaction().await)
    }

    /// Loads rows in bulk: constraints are checked, nulls and identity values kept. The columns are
    /// quoted names; each row has a value of exactly its column's type for each.
    pub fn bulk<'r>(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: impl Iterator<Item = TokenRow<'r>>,
    ) -> WireResult<()> {
        let mut unsent = None;
        self.request(async |client| {
            let mut load = client.bulk_insert_with_options(table, columns, options(), &[]).await?;
            for row in rows {
                match load.send(row).await {
                    Ok(()) => {}
                    // A row that cannot be written has left nothing behind.
                    Err(error) if error_codes::is_unsent(&error) => {
                        unsent = Some(error);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            // Without this the connection would hang at its next use.
            load.finalize().await
        })?;
        unsent.map_or(Ok(()), Err)
    }

    fn request<T>(&mut self, call: impl AsyncFnOnce(&mut Tds) -> WireResult<T>) -> WireResult<T> {
        // It is put back when the request has ended well, and closed otherwise.
        let mut client = self.client.take().ok_or_else(|| {
            WireError::Protocol("the connection was closed in the middle of a request".into())
        })?;
        let outcome = self.runtime.block_on(call(&mut client));
        if outcome.as_ref().map_or_else(error_codes::leaves_clean, |_| true) {
            self.client = Some(client);
        }
        outcome
    }
}

fn options() -> SqlBulkCopyOptions {
    SqlBulkCopyOption::CheckConstraints
        | SqlBulkCopyOption::KeepNulls
        | SqlBulkCopyOption::KeepIdentity
}

fn bound<'a>(text: &'a str, parameters: Vec<ColumnData<'a>>) -> Query<'a> {
    let mut query = Query::new(text);
    query.bind_iter(parameters);
    query
}

async fn take_rows(
    mut stream: QueryStream<'_>,
    each: &mut dyn FnMut(&[ColumnData<'static>]) -> Result<()>,
) -> WireResult<Result<()>> {
    while let Some(item) = stream.try_next().await? {
        if let QueryItem::Row(row) = item {
            let values: Vec<_> = row.into_iter().collect();
            if let Err(error) = each(&values) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

/// Connects, and once more where the server sends its client somewhere else.
async fn connect(login: &Login) -> WireResult<Tds> {
    match Box::pin(log_in(login, &login.url.host, login.url.port)).await {
        Err(WireError::Routing { host, port }) => Box::pin(log_in(login, &host, port)).await,
        other => other,
    }
}

async fn log_in(login: &Login, host: &str, port: u16) -> WireResult<Tds> {
    let connect = TcpStream::connect((host, port));
    let stream = tokio::time::timeout(login.url.connect_timeout, connect)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer from the server"))??;
    stream.set_nodelay(true)?;
    Box::pin(Client::connect(login.config(), stream.compat_write())).await
}
