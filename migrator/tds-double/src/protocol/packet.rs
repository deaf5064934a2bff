//! Packets: messages are split into them, and bulk rows take many.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) const ANSWER: u8 = 0x04;
pub(crate) const ATTENTION: u8 = 0x06;
pub(crate) const PRELOGIN: u8 = 0x12;

const END_OF_MESSAGE: u8 = 0x01;
const HEADER: usize = 8;
/// Time limit of one poll for a packet of the client.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// One end of a connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// The socket below, for time limits.
    socket: TcpStream,
    buffer: Vec<u8>,
    pub(crate) packet_size: usize,
}

#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    pub(crate) last: bool,
    pub(crate) body: Vec<u8>,
}

/// Result of a wait for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitOutcome {
    Elapsed,
    Attention,
    Gone,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>, socket: TcpStream) -> Self {
        Self { stream, socket, buffer: Vec::new(), packet_size: 4_096 }
    }

    pub(crate) fn packet(&mut self) -> io::Result<Packet> {
        self.socket.set_read_timeout(None)?;
        loop {
            if let Some(packet) = self.buffered() {
                return Ok(packet);
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn buffered(&mut self) -> Option<Packet> {
        let header = self.buffer.get(..HEADER)?;
        let (kind, status) = (header[0], header[1]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])).max(HEADER);
        let body = self.buffer.get(HEADER..length)?.to_vec();
        self.buffer.drain(..length);
        Some(Packet { kind, last: status & END_OF_MESSAGE != 0, body })
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1_024];
        let count = self.stream.read(&mut bytes)?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Waits for the time limit, an attention or a disconnect. Without a limit only the client ends
    /// the wait.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<WaitOutcome> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        self.socket.set_read_timeout(Some(LOOK))?;
        loop {
            if self.buffer.first() == Some(&ATTENTION) && self.buffered().is_some() {
                return Ok(WaitOutcome::Attention);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(WaitOutcome::Elapsed);
            }
            match self.fill() {
                Ok(0) => return Ok(WaitOutcome::Gone),
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return Ok(WaitOutcome::Gone),
            }
        }
    }

    /// Sends a message as packets of the size that was agreed on.
    pub(crate) fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        self.send_part(kind, body, true)
    }

    /// Sends a message, or only its beginning unless `whole`.
    pub(crate) fn send_part(&mut self, kind: u8, body: &[u8], whole: bool) -> io::Result<()> {
        let size = self.packet_size - HEADER;
        let mut chunks = body.chunks(size).peekable();
        if chunks.peek().is_none() {
            return self.send_packet(kind, &[], whole);
        }
        while let Some(chunk) = chunks.next() {
            self.send_packet(kind, chunk, whole && chunks.peek().is_none())?;
        }
        Ok(())
    }

    fn send_packet(&mut self, kind: u8, body: &[u8], last: bool) -> io::Result<()> {
        let length = u16::try_from(body.len() + HEADER).unwrap_or(u16::MAX);
        let mut packet = vec![kind, u8::from(last)];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 1, 0]);
        packet.extend_from_slice(body);
        self.stream.write_all(&packet)?;
        self.stream.flush()
    }
}
