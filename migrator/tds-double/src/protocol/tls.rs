//! TLS inside TDS: the handshake comes in PRELOGIN packets, what follows does not.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::protocol::packet::{PRELOGIN, Stream};

/// A certificate of our own for `localhost` and 127.0.0.1.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    pub(crate) certificate_pem: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // SQL Server speaks TLS 1.2 inside TDS 7.4.
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self { config: Arc::new(config), certificate_pem: made.cert.pem() }
    }

    /// Performs the handshake with a client that has read the server's PRELOGIN.
    pub(crate) fn accept(&self, socket: TcpStream) -> io::Result<Box<dyn Stream>> {
        let mut session =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let mut wrapped = PreloginStream { socket, handshaking: true, unread: Vec::new() };
        while session.is_handshaking() {
            session.complete_io(&mut wrapped)?;
        }
        wrapped.handshaking = false;
        Ok(Box::new(StreamOwned::new(session, wrapped)))
    }
}

struct PreloginStream {
    socket: TcpStream,
    handshaking: bool,
    unread: Vec<u8>,
}

impl Read for PreloginStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.handshaking && self.unread.is_empty() {
            let mut header = [0; 8];
            self.socket.read_exact(&mut header)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            self.unread = vec![0; length.saturating_sub(8)];
            self.socket.read_exact(&mut self.unread)?;
        }
        if self.unread.is_empty() {
            return self.socket.read(bytes);
        }
        let count = bytes.len().min(self.unread.len());
        bytes[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Ok(count)
    }
}

impl Write for PreloginStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.handshaking {
            return self.socket.write(bytes);
        }
        let length = u16::try_from(bytes.len() + 8).map_err(io::Error::other)?;
        let mut packet = vec![PRELOGIN, 1];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0]);
        packet.extend_from_slice(bytes);
        self.socket.write_all(&packet)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
