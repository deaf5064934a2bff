//! `mssql://user@host:port/database?…`: address and options of a SQL Server. The password comes
//! from a file or a variable and is never printed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::error::{Error, ErrorKind, Result};

/// Prefix of such a URL.
pub const SCHEME: &str = "mssql://";
/// Environment variable with the password.
pub const PASSWORD_VARIABLE: &str = "MIGRATOR_DB_PASSWORD";

const PORT: u16 = 1433;
const APPLICATION_NAME: &str = "sweetspot migrator";
/// Default packet size in bytes. SQL Server allows up to 16,383 over TLS, and throughput grows up
/// to there.
const PACKET_SIZE: u32 = 16_000;
const PACKET_SIZES: std::ops::RangeInclusive<u32> = 512..=32_767;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
const NAMES: [&str; 9] = [
    "encrypt",
    "trust_cert",
    "ca",
    "host_in_certificate",
    "application_name",
    "packet_size",
    "connect_timeout_s",
    "command_timeout_s",
    "schema",
];

/// Address of a database, its user and the connection options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login (SQL Server authentication).
    pub user: String,
    /// Name of the database.
    pub database: String,
    /// Encryption and trust.
    pub encrypt: Encrypt,
    /// Application name that the server shows for the session.
    pub application_name: String,
    /// Requested packet size in bytes.
    pub packet_size: u32,
    /// Time limit for TCP, TLS and login.
    pub connect_timeout: Duration,
    /// Time limit for one answer of the server.
    pub command_timeout: Duration,
    /// Schema of the tables, if the URL names one.
    pub schema: Option<String>,
}

/// Encryption of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encrypt {
    /// All traffic is encrypted, or there is no connection (`required`, the default).
    Required(Trust),
    /// All traffic is encrypted from the first byte (`strict`: TDS 8.0).
    Strict(Trust),
    /// No encryption, not even of the password (`danger_plaintext`), for test servers on this
    /// machine.
    Plaintext,
}

/// Trusted certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// A certificate signed by an authority that this machine trusts, or by one in a file. It must
    /// name the host, or the given name.
    Signed {
        /// File with further authorities (PEM or DER).
        ca: Option<PathBuf>,
        /// Name in the certificate, if it is not the host's.
        host: Option<String>,
    },
    /// Any certificate: no protection against a man in the middle.
    Any,
}

impl ServerUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// `Usage`, without any part of the text that could be a password.
    pub fn parse(text: &str) -> Result<Self> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(wrong_form)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, rest) = rest.rsplit_once('@').ok_or_else(wrong_form)?;
        if user.contains(':') {
            return Err(Error::usage(format!(
                "{SCHEME}: the URL must not contain a password, because every process of this machine \
                 can read it. Use {PASSWORD_VARIABLE} or --password-file"
            )));
        }
        let (place, database) = rest.split_once('/').ok_or_else(wrong_form)?;
        let (host, port) = host_and_port(place)?;
        let (user, database) = (decoded(user)?, decoded(database)?);
        if host.is_empty() || user.is_empty() || database.is_empty() || database.contains('/') {
            return Err(wrong_form());
        }
        let options = Options::parse(query)?;
        Ok(Self {
            host,
            port,
            user,
            database,
            encrypt: options.encrypt()?,
            application_name: options.text("application_name").unwrap_or(APPLICATION_NAME).into(),
            packet_size: options.packet_size()?,
            connect_timeout: options.seconds("connect_timeout_s")?.unwrap_or(CONNECT_TIMEOUT),
            command_timeout: options.seconds("command_timeout_s")?.unwrap_or(COMMAND_TIMEOUT),
            schema: options.text("schema").map(str::to_owned),
        })
    }

    /// Time limit for a lock: half of the command timeout. So the server gives up before the client
    /// does, which would cost the connection.
    pub fn lock_timeout(&self) -> Duration {
        self.command_timeout / 2
    }

    /// The same URL with another schema, if one is given.
    #[must_use]
    pub fn with_schema(mut self, schema: Option<&str>) -> Self {
        if let Some(schema) = schema {
            self.schema = Some(schema.to_owned());
        }
        self
    }
}

impl fmt::Display for ServerUrl {
    /// User and address, without options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port, database, .. } = self;
        write!(f, "{SCHEME}{user}@{host}:{port}/{database}")
    }
}

fn wrong_form() -> Error {
    Error::usage(format!("expected {SCHEME}user@host:port/database?option=value&…"))
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(place: &str) -> Result<(String, u16)> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong_form)?)),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None => PORT,
        Some(port) => port.parse().map_err(|_| wrong_form())?,
    };
    Ok((decoded(host)?, port))
}

fn decoded(text: &str) -> Result<String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Error::usage(format!("{SCHEME}: a part of the URL is not UTF-8"))),
    }
}

/// Options after the `?`.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(query: &str) -> Result<Self> {
        let mut options: Vec<(String, String)> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !NAMES.contains(&name) {
                // The name may be a password typed in the wrong place, so it is not printed.
                let names = NAMES.join(", ");
                return Err(Error::usage(format!(
                    "{SCHEME}: unknown option; expected one of {names}"
                )));
            }
            if options.iter().any(|(known, _)| known == name) {
                return Err(Error::usage(format!("{SCHEME}: option {name} is given twice")));
            }
            options.push((name.to_owned(), decoded(value)?));
        }
        Ok(Self(options))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn encrypt(&self) -> Result<Encrypt> {
        match self.text("encrypt").unwrap_or("required") {
            "required" => self.trust().map(Encrypt::Required),
            "strict" => self.trust().map(Encrypt::Strict),
            "danger_plaintext" => {
                for name in ["trust_cert", "ca", "host_in_certificate"] {
                    if self.text(name).is_some() {
                        return Err(Error::usage(format!(
                            "{SCHEME}: {name} has no effect with encrypt=danger_plaintext"
                        )));
                    }
                }
                Ok(Encrypt::Plaintext)
            }
            other => Err(Error::usage(format!(
                "{SCHEME}: encrypt={other} must be required, strict or danger_plaintext"
            ))),
        }
    }

    fn trust(&self) -> Result<Trust> {
        let any = match self.text("trust_cert").unwrap_or("false") {
            "true" => true,
            "false" => false,
            other => {
                let message = format!("{SCHEME}: trust_cert={other} must be true or false");
                return Err(Error::usage(message));
            }
        };
        let (ca, host) = (self.text("ca"), self.text("host_in_certificate"));
        match (any, ca.or(host)) {
            (true, Some(_)) => Err(Error::usage(format!(
                "{SCHEME}: ca and host_in_certificate have no effect with trust_cert=true"
            ))),
            (true, None) => Ok(Trust::Any),
            (false, _) => {
                Ok(Trust::Signed { ca: ca.map(PathBuf::from), host: host.map(str::to_owned) })
            }
        }
    }

    fn packet_size(&self) -> Result<u32> {
        let Some(text) = self.text("packet_size") else { return Ok(PACKET_SIZE) };
        text.parse().ok().filter(|size| PACKET_SIZES.contains(size)).ok_or_else(|| {
            Error::usage(format!("{SCHEME}: packet_size={text} must be a number from 512 to 32767"))
        })
    }

    fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds.into()))),
            _ => Err(Error::usage(format!(
                "{SCHEME}: {name}={text} must be a number of seconds, at least 1"
            ))),
        }
    }
}

/// A password. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A known password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// Reads the first line of a file, or without one [`PASSWORD_VARIABLE`].
    ///
    /// # Errors
    ///
    /// `Environment` if there is no password.
    pub fn find(file: Option<&Path>) -> Result<Self> {
        if let Some(path) = file {
            let name = || format!("password file {}", path.display());
            let bytes = std::fs::read(path)
                .map_err(|cause| Error::caused(ErrorKind::Environment, name(), cause))?;
            let password = first_line(&bytes)
                .map_err(|reason| Error::environment(format!("{} {reason}", name())))?;
            return Ok(Self::new(&password));
        }
        std::env::var(PASSWORD_VARIABLE).map(Self::new).map_err(|_| {
            Error::environment(format!(
                "no password for {SCHEME}: set {PASSWORD_VARIABLE} or pass --password-file"
            ))
        })
    }

    /// The password in plain text, for a login or the environment of a child process.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// First line of a text file, without a byte order mark. UTF-16 is recognized by its mark, because
/// PowerShell's `>` and Notepad write it. Fails for other bytes and for an empty line.
fn first_line(bytes: &[u8]) -> std::result::Result<String, &'static str> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) {
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        text => String::from_utf8(text.to_vec()).ok(),
    };
    let text =
        text.ok_or("is neither UTF-8 nor UTF-16 with a byte order mark; save it as UTF-8")?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err("has an empty first line; write the password there"),
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<ServerUrl, String> {
        ServerUrl::parse(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_file_gives_its_first_line_without_a_byte_order_mark() {
        let utf16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
            let units = "Pä$s\r\nmore".encode_utf16().flat_map(unit);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        for bytes in [
            "Pä$s".as_bytes().to_vec(),
            "Pä$s\r\nmore\n".as_bytes().to_vec(),
            "\u{feff}Pä$s\n".as_bytes().to_vec(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(first_line(&bytes).as_deref(), Ok("Pä$s"), "{bytes:?}");
        }
        // A blank is part of a password.
        assert_eq!(first_line(b" secret \n").as_deref(), Ok(" secret "));
    }

    #[test]
    fn a_password_file_without_a_text_is_rejected_without_repeating_it() {
        for bytes in [b"".as_slice(), b"\nsecret", b"\xef\xbb\xbf\n"] {
            let reason = first_line(bytes).unwrap_err();
            assert!(reason.contains("empty first line") && !reason.contains("secret"), "{reason}");
        }
        let reason = first_line(b"secret\xfc").unwrap_err();
        assert!(reason.contains("save it as UTF-8") && !reason.contains("secret"), "{reason}");
    }

    #[test]
    fn a_url_has_a_user_a_host_and_a_database() {
        for (text, shown) in [
            ("mssql://sa@db/loans", "mssql://sa@db:1433/loans"),
            ("mssql://sa@db:7/loans?", "mssql://sa@db:7/loans"),
            ("mssql://a%5Cb@10.0.0.1/x%20y", "mssql://a\\b@10.0.0.1:1433/x y"),
            ("mssql://sa@[::1]:9/x", "mssql://sa@::1:9/x"),
            ("mssql://sa@[::1]/x", "mssql://sa@::1:1433/x"),
        ] {
            assert_eq!(parse(text).map(|url| url.to_string()).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "mssql://db/loans",
            "mssql://@db/loans",
            "mssql://sa@db",
            "mssql://sa@/loans",
            "mssql://sa@db/",
            "mssql://sa@db/a/b",
            "mssql://sa@db:x/loans",
            "mssql://sa@db:99999/loans",
            "mssql:/sa@db/loans",
            "sqlite:x",
        ] {
            assert!(parse(text).unwrap_err().contains("expected mssql://user@"), "{text}");
        }
    }

    #[test]
    fn defaults_of_a_url_are_safe() {
        let url = parse("mssql://sa@db/loans").unwrap();
        assert_eq!(url.encrypt, Encrypt::Required(Trust::Signed { ca: None, host: None }));
        assert_eq!((url.packet_size, url.schema), (16_000, None));
    }

    #[test]
    fn url_options_set_the_connection_parameters() {
        let url = parse(
            "mssql://sa@db/loans?encrypt=strict&ca=/etc/ca.pem&host_in_certificate=h&\
             application_name=a%26b&packet_size=4096&connect_timeout_s=3&command_timeout_s=9&\
             schema=bench",
        )
        .unwrap();
        let trust = Trust::Signed { ca: Some("/etc/ca.pem".into()), host: Some("h".into()) };
        assert_eq!(url.encrypt, Encrypt::Strict(trust));
        assert_eq!((url.application_name.as_str(), url.packet_size), ("a&b", 4096));
        assert_eq!(url.connect_timeout, Duration::from_secs(3));
        assert_eq!(url.command_timeout, Duration::from_secs(9));
        assert_eq!(url.lock_timeout(), Duration::from_millis(4_500));
        assert_eq!(url.schema.as_deref(), Some("bench"));
        assert_eq!(url.with_schema(Some("own")).schema.as_deref(), Some("own"));
        for (options, encrypt) in [
            ("trust_cert=true", Encrypt::Required(Trust::Any)),
            ("encrypt=danger_plaintext", Encrypt::Plaintext),
        ] {
            assert_eq!(parse(&format!("mssql://sa@db/x?{options}")).unwrap().encrypt, encrypt);
        }
    }

    #[test]
    fn an_invalid_option_is_rejected_by_name() {
        for (options, word) in [
            ("encrypt=no", "encrypt=no must be"),
            ("trust_cert=yes", "must be true or false"),
            ("trust_cert=true&ca=x", "have no effect"),
            ("encrypt=danger_plaintext&trust_cert=true", "trust_cert has no effect"),
            ("packet_size=511", "packet_size=511"),
            ("packet_size=big", "packet_size=big"),
            ("command_timeout_s=0", "command_timeout_s=0"),
            ("schema=a&schema=b", "schema is given twice"),
            ("pooling=true", "expected one of encrypt, trust_cert"),
        ] {
            let fault = parse(&format!("mssql://sa@db/x?{options}")).unwrap_err();
            assert!(fault.contains(word), "{options}: {fault}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "mssql://sa:Sesame1@db/x",
            "mssql://sa:Sesame1@db",
            "mssql:sa:Sesame1@db/x",
            "mssql://sa@db/x?Sesame1=true",
            "mssql://sa@db/x?password=Sesame1",
            "mssql://sa@db:Sesame1/x",
        ] {
            assert!(!parse(text).unwrap_err().contains("Sesame1"), "{text}");
        }
        assert!(parse("mssql://sa:Sesame1@db/x").unwrap_err().contains("--password-file"));
        assert!(!format!("{:?}", Password::new("Sesame1")).contains("Sesame1"));
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "Sesame 1\r\nmore\n").unwrap();
        assert_eq!(Password::find(Some(&path)).unwrap().reveal(), "Sesame 1");
        let error = Password::find(Some(&folder.path().join("none"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Environment);
    }
}
