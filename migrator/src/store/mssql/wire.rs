//! One TDS connection with a runtime of its own.
//!
//! Every request runs to its end: a future dropped halfway leaves a connection that hangs at its
//! next use. A connection is **clean** while its last request has ended with an answer or with an
//! error of the server. Otherwise it is closed at once. The server then rolls back, releases its
//! locks, and every further call fails as `Disconnected`.

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

/// Server, user and credentials of a connection.
#[derive(Debug, Clone)]
pub struct Login {
    /// Address and options of the server.
    pub url: ServerUrl,
    password: Password,
    /// Contents of the CA file.
    authorities: Option<Vec<u8>>,
}

impl Login {
    /// Reads the CA file if the URL names one.
    pub fn new(url: ServerUrl, password: Password) -> Result<Self> {
        let authorities = match &url.encrypt {
            Encrypt::Required(Trust::Signed { ca: Some(path), .. })
            | Encrypt::Strict(Trust::Signed { ca: Some(path), .. }) => {
                Some(std::fs::read(path).map_err(|cause| {
                    let message = format!("CA file {} of {url}", path.display());
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

/// A connection. Dropping it closes it, and the server rolls its transaction back.
pub struct Wire {
    runtime: Runtime,
    /// `None` after a request that did not end properly.
    client: Option<Tds>,
}

/// Cause of an aborted query.
pub enum QueryError {
    /// The connection or the server.
    Wire(WireError),
    /// The consumer of the rows.
    Consumer(Error),
}

impl Wire {
    /// Connects and logs in.
    pub fn open(login: &Login) -> WireResult<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let client = Some(runtime.block_on(connect(login))?);
        Ok(Self { runtime, client })
    }

    /// True if the last request has ended properly, so that another one can start.
    pub fn is_clean(&self) -> bool {
        self.client.is_some()
    }

    /// Sends a batch of statements without parameters.
    pub fn batch(&mut self, text: &str) -> WireResult<()> {
        self.request(async |client| client.simple_query(text).await?.into_results().await)?;
        Ok(())
    }

    /// First row of the result of a batch without parameters.
    pub fn batch_row(&mut self, text: &str) -> WireResult<Option<Vec<ColumnData<'static>>>> {
        self.request(async |client| client.simple_query(text).await?.into_row().await)
            .map(|row| row.map(|row| row.into_iter().collect()))
    }

    /// First row of the result of a statement.
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
            // The consumer above returns no error.
            Err(QueryError::Consumer(_)) => Ok(None),
        }
    }

    /// Passes the rows of a statement's result to `each`, one at a time. An error of `each` aborts
    /// the query and closes the connection.
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

    /// Runs a statement and returns the number of changed rows.
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

    /// Loads rows in bulk. Constraints are checked, nulls and identity values are kept. `columns`
    /// are quoted names. Each row has one value per column, of exactly the column's type.
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
                    // A row that cannot be encoded has sent nothing.
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
        // Put back after a proper end of the request, closed otherwise.
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

/// Connects. Follows one redirect of the server.
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
