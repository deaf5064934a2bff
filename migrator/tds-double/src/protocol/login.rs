//! PRELOGIN and LOGIN7: encryption and the identity of the client.

use crate::data::errors::{Effect, SqlError};
use crate::data::wire::{Malformed, Read, Reader, utf16};

/// Details of a login. The password is checked and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Name of the login.
    pub user: String,
    /// Name of the client program.
    pub application: String,
    /// Requested database.
    pub database: String,
    /// Name of the client's host.
    pub host: String,
    /// Requested packet size in bytes; 0 leaves it to the server.
    pub packet_size: u32,
    /// True if the connection was encrypted at login.
    pub encrypted: bool,
}

/// Encryption that the server offers in its PRELOGIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    On,
    NotSupported,
}

/// The server's PRELOGIN: version, encryption, instance, thread, MARS.
pub(crate) fn prelogin_answer(encryption: Encryption) -> Vec<u8> {
    let level = if encryption == Encryption::On { 0x03 } else { 0x02 };
    let options: [(u8, &[u8]); 5] =
        [(0, &[16, 0, 0x0F, 0xA0, 0, 0]), (1, &[level]), (2, &[0]), (3, &[]), (4, &[0])];
    let mut table = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    let start = options.len() * 5 + 1;
    for (token, value) in options {
        table.push(token);
        table.extend(u16::try_from(start + data.len()).unwrap().to_be_bytes());
        table.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        data.extend(value);
    }
    table.push(0xFF);
    table.extend(data);
    table
}

/// Returns true if the PRELOGIN of a client says that it cannot encrypt.
pub(crate) fn client_refuses_encryption(body: &[u8]) -> Read<bool> {
    let mut reader = Reader::new(body);
    loop {
        let token = reader.u8()?;
        if token == 0xFF {
            return Err(Malformed("PRELOGIN without encryption".to_owned()));
        }
        let offset = usize::from(reader.u16()?.swap_bytes());
        reader.u16()?;
        if token == 1 {
            let level = body.get(offset).ok_or_else(|| Malformed("PRELOGIN ends".to_owned()))?;
            return Ok(*level == 2);
        }
    }
}

/// Parses LOGIN7 and checks user and password.
pub(crate) fn read_login(body: &[u8], user: &str, password: &str) -> Read<(Login, bool)> {
    let mut reader = Reader::new(body);
    reader.take(8)?;
    let packet_size = reader.u32()?;
    let mut places = Reader::new(body.get(36..).unwrap_or_default());
    let mut texts = Vec::new();
    for _ in 0..9 {
        let (offset, characters) = (usize::from(places.u16()?), usize::from(places.u16()?));
        let bytes = body
            .get(offset..offset + characters * 2)
            .ok_or_else(|| Malformed("LOGIN7 ends".to_owned()))?;
        texts.push(bytes);
    }
    let text = |place: usize| utf16(texts[place]);
    let hidden: Vec<u8> = texts[2].iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    let login = Login {
        host: text(0)?,
        user: text(1)?,
        application: text(3)?,
        database: text(8)?,
        packet_size,
        encrypted: false,
    };
    let right = login.user.eq_ignore_ascii_case(user) && utf16(&hidden)? == password;
    Ok((login, right))
}

pub(crate) fn refused(user: &str) -> SqlError {
    SqlError::new(18456, 14, Effect::Connection, format!("Login failed for user '{user}'."))
}

pub(crate) fn no_database(database: &str) -> SqlError {
    let message =
        format!("Cannot open database \"{database}\" requested by the login. The login failed.");
    SqlError::new(4060, 11, Effect::Connection, message)
}
