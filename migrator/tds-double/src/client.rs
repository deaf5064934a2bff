//! A raw `tiberius` client for tests of the double itself.

use std::time::Duration;

use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::TdsDouble;

/// A client of `tiberius` over TCP.
pub type Raw = Client<Compat<TcpStream>>;

/// Configuration that logs in to a double.
pub fn config(double: &TdsDouble) -> Config {
    let options = double.options();
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(double.address().port());
    config.database(&options.database);
    config.authentication(AuthMethod::sql_server(&options.user, &options.password));
    config.application_name("raw");
    config.command_timeout(Some(Duration::from_secs(20)));
    match double.certificate_pem() {
        Some(certificate) => {
            config.encryption(EncryptionLevel::Required);
            config.trust_cert_ca_bundle(certificate.as_bytes());
        }
        None => config.encryption(EncryptionLevel::NotSupported),
    }
    config
}

/// Connects and logs in.
pub async fn try_connect(config: Config) -> tiberius::Result<Raw> {
    let socket = TcpStream::connect(config.get_addr()).await?;
    socket.set_nodelay(true)?;
    Box::pin(Client::connect(config, socket.compat_write())).await
}

/// Connects to a double and logs in.
///
/// # Panics
///
/// Panics if the double rejects the login.
pub async fn connect(double: &TdsDouble) -> Raw {
    Box::pin(try_connect(config(double))).await.unwrap()
}

/// Runs a batch and returns the first column of each row of its last result, as text.
pub async fn ask(client: &mut Raw, text: &str) -> tiberius::Result<Vec<String>> {
    let results = client.simple_query(text).await?.into_results().await?;
    let rows = results.into_iter().last().unwrap_or_default();
    Ok(rows.iter().map(|row| shown(row.cells().next().map(|(_, data)| data))).collect())
}

/// A value as text: `null` for a missing value, `nothing` for a missing column.
pub fn shown(data: Option<&tiberius::ColumnData<'static>>) -> String {
    use tiberius::ColumnData as Data;
    match data {
        Some(Data::U8(Some(number))) => number.to_string(),
        Some(Data::I16(Some(number))) => number.to_string(),
        Some(Data::I32(Some(number))) => number.to_string(),
        Some(Data::I64(Some(number))) => number.to_string(),
        Some(Data::F64(Some(number))) => number.to_string(),
        Some(Data::Bit(Some(bit))) => u8::from(*bit).to_string(),
        Some(Data::String(Some(text))) => text.clone().into_owned(),
        Some(Data::Numeric(Some(number))) => number.to_string(),
        Some(Data::Guid(Some(guid))) => guid.to_string(),
        Some(other) if format!("{other:?}").contains("None") => "null".to_owned(),
        Some(other) => format!("{other:?}"),
        None => "nothing".to_owned(),
    }
}

/// Number of the server's error in a result.
///
/// # Panics
///
/// Panics if the result is not an error of the server.
pub fn number<T: std::fmt::Debug>(outcome: tiberius::Result<T>) -> u32 {
    match outcome {
        Err(tiberius::error::Error::Server(error)) => error.code(),
        other => panic!("no error of the server: {other:?}"),
    }
}
