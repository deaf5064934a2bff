//! One connection from its PRELOGIN to its end: reads messages, applies faults, responds.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::values::Datum;
use crate::data::wire::Reader;
use crate::engine::plan::{SessionFacts, Variables};
use crate::engine::session::{Session, bound};
use crate::faults::Fault;
use crate::protocol::login::{
    Encryption, client_refuses_encryption, no_database, prelogin_answer, read_login, refused,
};
use crate::protocol::packet::{ANSWER, ATTENTION, PRELOGIN, WaitOutcome, Wire};
use crate::protocol::request::{
    Call, PARAMETERS_MAX, Parameter, Procedure, Transaction, batch, call, descriptor, transaction,
};
use crate::protocol::tokens::{Answer, RequestKind};
use crate::record::{Message, MessageKind};
use crate::{Options, Shared};

/// Reason for the end of a connection. None of them is a failure of the double.
#[derive(Debug)]
enum End {
    /// The client disconnected, or its first message was invalid.
    Gone,
    /// A fault cut the connection.
    Cut,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// A message after reading.
struct Read {
    message: Message,
    code: u8,
    body: Vec<u8>,
}

struct Server {
    wire: Wire,
    number: usize,
    shared: Arc<Shared>,
}

/// Serves one connection until it ends.
pub(crate) fn serve(socket: &TcpStream, number: usize, shared: &Arc<Shared>) {
    let Ok(other) = socket.try_clone() else { return };
    let Ok(stream) = socket.try_clone() else { return };
    let wire = Wire::new(Box::new(stream), other);
    let mut server = Server { wire, number, shared: Arc::clone(shared) };
    if let Ok(mut session) = server.login(socket) {
        while server.serve_one(&mut session).is_ok() {}
        // The transaction ends before the connection counts as closed.
        drop(session);
    }
    let _ = socket.shutdown(std::net::Shutdown::Both);
}

fn kind_of(code: u8, body: &[u8]) -> Option<MessageKind> {
    Some(match code {
        0x01 => MessageKind::Batch,
        0x03 => MessageKind::Call,
        ATTENTION => MessageKind::Attention,
        0x07 => MessageKind::Bulk,
        0x10 => MessageKind::Login,
        PRELOGIN => MessageKind::Prelogin,
        0x0E => {
            let mut reader = Reader::new(body);
            descriptor(&mut reader).ok()?;
            match reader.u16().ok()? {
                5 => MessageKind::Begin,
                7 => MessageKind::Commit,
                8 => MessageKind::Rollback,
                _ => MessageKind::Save,
            }
        }
        _ => return None,
    })
}

impl Server {
    /// Reads one message; faults inside it cut the connection.
    fn read(&mut self) -> Result<Read, End> {
        let mut packet = self.wire.packet()?;
        let code = packet.kind;
        let kind = kind_of(code, &packet.body).ok_or(End::Gone)?;
        let mut message = self.shared.record.message(self.number, kind);
        if self.shared.faults.take(&message, true).is_some() {
            return Err(End::Cut);
        }
        let mut body = std::mem::take(&mut packet.body);
        while !packet.last {
            packet = self.wire.packet()?;
            if packet.kind == ATTENTION && code != ATTENTION {
                message.kind = MessageKind::Attention;
                self.shared.record.update(&message);
                return Ok(Read { message, code: ATTENTION, body: Vec::new() });
            }
            message.packets += 1;
            body.extend_from_slice(&packet.body);
        }
        Ok(Read { message, code, body })
    }

    fn login(&mut self, socket: &TcpStream) -> Result<Session, End> {
        let prelogin = self.read()?;
        if prelogin.message.kind != MessageKind::Prelogin {
            return Err(End::Gone);
        }
        let fault = self.shared.faults.take(&prelogin.message, false);
        let encrypted = self.agree(&prelogin.body)?;
        let encryption = if encrypted { Encryption::On } else { Encryption::NotSupported };
        self.reply(fault, None, |_| prelogin_answer(encryption))?;
        if encrypted {
            let identity = self.shared.identity.as_ref().ok_or(End::Gone)?;
            let stream = identity.accept(socket.try_clone()?)?;
            self.wire = Wire::new(stream, socket.try_clone()?);
        }
        let read = self.read()?;
        if read.message.kind != MessageKind::Login {
            return Err(End::Gone);
        }
        self.answer_login(&read, encrypted)
    }

    fn agree(&self, prelogin: &[u8]) -> Result<bool, End> {
        let refuses = client_refuses_encryption(prelogin).map_err(|_| End::Gone)?;
        Ok(self.shared.identity.is_some() && !refuses)
    }

    fn answer_login(&mut self, read: &Read, encrypted: bool) -> Result<Session, End> {
        let options = self.shared.options.clone();
        let (mut login, right) =
            read_login(&read.body, &options.user, &options.password).map_err(|_| End::Gone)?;
        login.encrypted = encrypted;
        self.shared.record.login(login.clone());
        let known =
            login.database.is_empty() || login.database.eq_ignore_ascii_case(&options.database);
        let error = if !right {
            Some(refused(&login.user))
        } else if !known {
            Some(no_database(&login.database))
        } else {
            None
        };
        let fault = self.shared.faults.take(&read.message, false);
        if let Some(error) = error {
            let mut answer = Answer::new(RequestKind::Batch);
            answer.error(&error);
            answer.done_failed();
            self.wire.send(ANSWER, &answer.finish())?;
            return Err(End::Gone);
        }
        let most = if encrypted { 16_383 } else { 32_767 };
        let packet_size = match login.packet_size {
            0 => 4_096,
            size => u16::try_from(size.clamp(512, most)).unwrap_or(4_096),
        };
        let facts = facts(&options, &login.application, self.number);
        let mut session = Session::new(Arc::clone(&self.shared.database), options.engine, facts);
        let database = options.database.clone();
        self.reply(fault, Some(&mut session), |_| {
            let mut answer = Answer::new(RequestKind::Batch);
            answer.login(&database, packet_size);
            answer.finish()
        })?;
        self.wire.packet_size = packet_size.into();
        Ok(session)
    }

    fn serve_one(&mut self, session: &mut Session) -> Result<(), End> {
        let Read { mut message, code, body } = self.read()?;
        message.in_transaction = session.descriptor() != 0;
        if message.kind == MessageKind::Attention {
            session.bulk = None;
            return Ok(self.wire.send(ANSWER, &Answer::attention())?);
        }
        let request = parse_request(code, &body);
        if let Ok((request, _)) = &request {
            request.text().clone_into(&mut message.text);
            message.parameters = request.parameters();
        }
        self.shared.record.update(&message);
        let fault = self.shared.faults.take(&message, false);
        self.reply(fault, Some(session), |session| match (request, session) {
            (Ok((request, descriptor)), Some(session)) => run(session, request, descriptor, &body),
            (Err(error), session) => refusal(session, error),
            (Ok(_), None) => Vec::new(),
        })
    }

    /// Executes a message and responds, as far as its fault allows.
    fn reply(
        &mut self,
        fault: Option<Fault>,
        session: Option<&mut Session>,
        run: impl FnOnce(Option<&mut Session>) -> Vec<u8>,
    ) -> Result<(), End> {
        match fault {
            None => Ok(self.wire.send(ANSWER, &run(session))?),
            Some(Fault::DropBefore | Fault::DropInside) => Err(End::Cut),
            Some(Fault::DropAfter) => {
                run(session);
                Err(End::Cut)
            }
            Some(Fault::DropInAnswer) => {
                let answer = run(session);
                self.wire.send_part(ANSWER, &answer[..answer.len() / 2], false)?;
                Err(End::Cut)
            }
            Some(Fault::Slow(wait)) => match self.wire.wait(Some(wait))? {
                WaitOutcome::Elapsed => Ok(self.wire.send(ANSWER, &run(session))?),
                WaitOutcome::Attention => Ok(self.wire.send(ANSWER, &Answer::attention())?),
                WaitOutcome::Gone => Err(End::Gone),
            },
            Some(Fault::Stall) => self.stall(),
            Some(Fault::StallAfter) => {
                run(session);
                self.stall()
            }
            Some(Fault::Error(number)) => {
                let error = SqlError::injected(number);
                let ends = error.effect == Effect::Connection;
                self.wire.send(ANSWER, &refusal(session, error))?;
                if ends { Err(End::Cut) } else { Ok(()) }
            }
            Some(Fault::FatalWithoutEnd(number)) => {
                let answer = refusal(session, SqlError::injected(number));
                self.wire.send_part(ANSWER, &answer, false)?;
                Err(End::Cut)
            }
            Some(Fault::Deadlock) => {
                Ok(self.wire.send(ANSWER, &refusal(session, deadlock(self.number)))?)
            }
        }
    }

    fn stall(&mut self) -> Result<(), End> {
        match self.wire.wait(None)? {
            WaitOutcome::Attention => Ok(self.wire.send(ANSWER, &Answer::attention())?),
            WaitOutcome::Elapsed | WaitOutcome::Gone => Err(End::Gone),
        }
    }
}

/// The response with only an error. The session's transaction is affected as the error requires.
fn refusal(session: Option<&mut Session>, error: SqlError) -> Vec<u8> {
    let mut answer = Answer::new(RequestKind::Batch);
    if let Some(session) = session {
        session.bulk = None;
        session.fail(error, &mut answer);
    } else {
        answer.error(&error);
        answer.done_failed();
    }
    answer.finish()
}

fn deadlock(connection: usize) -> SqlError {
    let message = format!(
        "Transaction (Process ID {}) was deadlocked on lock resources with another process and has \
         been chosen as the deadlock victim. Rerun the transaction.",
        connection + 50
    );
    SqlError::new(1205, 13, Effect::Transaction, message)
}

fn facts(options: &Options, application: &str, number: usize) -> SessionFacts {
    SessionFacts {
        database: options.database.clone(),
        user: options.user.clone(),
        application: application.to_owned(),
        spid: i64::try_from(number).unwrap_or(0) + 50,
        trancount: 0,
        xact_state: 0,
        identity: Datum::Null,
        row_count: 0,
        lock_timeout: -1,
    }
}

enum Request {
    Batch(String),
    Call(Call, String),
    Transaction(Transaction),
    Bulk,
}

impl Request {
    fn text(&self) -> &str {
        match self {
            Self::Batch(text) | Self::Call(_, text) => text,
            Self::Transaction(_) | Self::Bulk => "",
        }
    }

    fn parameters(&self) -> usize {
        match self {
            Self::Call(call, _) => call.parameters.len(),
            _ => 0,
        }
    }
}

/// The request, and the transaction that it names.
fn parse_request(code: u8, body: &[u8]) -> Sql<(Request, u64)> {
    if code == 0x07 {
        return Ok((Request::Bulk, 0));
    }
    let mut reader = Reader::new(body);
    let descriptor = descriptor(&mut reader)?;
    let request = match code {
        0x01 => Request::Batch(batch(&mut reader)?),
        0x03 => {
            let call = call(&mut reader)?;
            let text = match call.parameters.first() {
                Some(Parameter { value: Datum::Text(text), .. }) => text.clone(),
                _ => String::new(),
            };
            Request::Call(call, text)
        }
        _ => Request::Transaction(transaction(&mut reader)?),
    };
    Ok((request, descriptor))
}

fn run(session: &mut Session, request: Request, descriptor: u64, body: &[u8]) -> Vec<u8> {
    let asked =
        if matches!(request, Request::Call(..)) { RequestKind::Rpc } else { RequestKind::Batch };
    let mut answer = Answer::new(asked);
    let outcome = if !matches!(request, Request::Bulk) && descriptor != session.descriptor() {
        let message = "New request is not allowed to start because it should come with valid \
                       transaction descriptor.";
        Err(SqlError::new(3989, 16, Effect::Batch, message))
    } else {
        run_request(session, request, body, &mut answer)
    };
    if let Err(error) = outcome {
        session.fail(error, &mut answer);
    }
    answer.finish()
}

fn run_request(
    session: &mut Session,
    request: Request,
    body: &[u8],
    answer: &mut Answer,
) -> Sql<()> {
    match request {
        Request::Batch(text) => {
            session.batch(&text, Variables::new(), answer);
        }
        Request::Call(call, text) => {
            let variables = parameters(call)?;
            session.call(&text, variables, answer);
        }
        Request::Bulk => {
            let rows = session.load(body)?;
            answer.done(Some(rows));
        }
        Request::Transaction(Transaction::Begin) => {
            session.begin(answer);
            answer.done(None);
        }
        Request::Transaction(Transaction::Commit) => {
            session.commit(answer)?;
            answer.done(None);
        }
        Request::Transaction(Transaction::Rollback(name)) => {
            if name.is_empty() {
                session.rollback(answer)?;
            } else {
                session.back_to(&name)?;
            }
            answer.done(None);
        }
        Request::Transaction(Transaction::Save(name)) => {
            session.save(&name)?;
            answer.done(None);
        }
    }
    Ok(())
}

/// The parameters of `sp_executesql`; no other procedure can be called.
fn parameters(call: Call) -> Sql<Variables> {
    if call.parameters.len() > PARAMETERS_MAX {
        let message = "The incoming request has too many parameters. The server supports a maximum \
                       of 2100 parameters. Reduce the number of parameters and resend the request.";
        return Err(SqlError::new(8003, 16, Effect::Batch, message));
    }
    let known = match &call.procedure {
        Procedure::Number(number) => *number == 10,
        Procedure::Name(name) => name.eq_ignore_ascii_case("sp_executesql"),
    };
    if !known {
        let message = format!("Could not find stored procedure '{:?}'.", call.procedure);
        return Err(SqlError::new(2812, 16, Effect::Batch, message));
    }
    let mut parameters = call.parameters.into_iter().skip(1);
    let Some(declarations) = parameters.next() else { return Ok(Variables::new()) };
    let given: Vec<_> = parameters.map(|given| (given.name, given.of, given.value)).collect();
    bound(&declarations.value.shown(), &given)
}
