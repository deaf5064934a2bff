//! Messages of TDS: packets, TLS, logins, requests and responses.

pub(crate) mod login;
pub(crate) mod packet;
pub(crate) mod request;
pub(crate) mod tls;
pub(crate) mod tokens;
