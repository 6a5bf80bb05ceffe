//! A connection: requests are read, answered and recorded, in turn.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rustls::{ServerConnection, StreamOwned};

use super::{
    answer::FakeAnswer,
    decode::decode,
    record::HttpRecord,
    reply::{AfterReply, ReplyWriter},
    request::FakeRequest,
    run::StopSignal,
    script::HttpScript,
    wire::{BodyFraming, ReadError, RequestLine, RequestReader},
};

/// A client that has an answer before it has sent its body gets so much time to read it.
const LINGER: Duration = Duration::from_secs(2);
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection of plain bytes, or of TLS.
pub(super) trait ByteStream: Read + Write {}
impl<S: Read + Write> ByteStream for S {}

pub(super) fn serve(stream: TcpStream, number: usize, signal: &StopSignal, script: &HttpScript, record: &HttpRecord) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(script.idle_limit);
    let Ok(copy) = stream.try_clone() else { return };
    let secured: Box<dyn ByteStream> = match &script.tls {
        None => Box::new(copy),
        Some(config) => match ServerConnection::new(Arc::clone(config)) {
            Ok(session) => Box::new(StreamOwned::new(session, copy)),
            Err(error) => return record.add_violation(format!("TLS: {error}")),
        },
    };
    let connection = FakeConnection { wire: RequestReader::new(secured), number, signal, script, record };
    if connection.serve_all(&stream) == AfterReply::Reset {
        let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    }
}

struct FakeConnection<'a> {
    wire: RequestReader<Box<dyn ByteStream>>,
    number: usize,
    signal: &'a StopSignal,
    script: &'a HttpScript,
    record: &'a HttpRecord,
}

impl FakeConnection<'_> {
    fn serve_all(mut self, stream: &TcpStream) -> AfterReply {
        for number in 1..=self.script.requests_per_connection {
            let after = self.serve_next(number);
            if after != AfterReply::Next {
                if after == AfterReply::Linger {
                    let _ = stream.shutdown(Shutdown::Write);
                    self.linger(stream);
                }
                return after;
            }
        }
        AfterReply::Close
    }

    fn serve_next(&mut self, number: usize) -> AfterReply {
        match self.read_and_answer(number) {
            Ok(after) => after,
            Err(ReadError::Closed) => AfterReply::Close,
            Err(ReadError::Aborted) => {
                self.record.count_aborted();
                AfterReply::Close
            }
            Err(ReadError::TooLarge) => AfterReply::Close,
            Err(ReadError::Violation(violation)) => {
                self.record.add_violation(format!("connection {}, request {number}: {violation}", self.number));
                let _ = self.reply("", &FakeAnswer::new(400).body(violation).and_close());
                AfterReply::Linger
            }
        }
    }

    fn read_and_answer(&mut self, number: usize) -> Result<AfterReply, ReadError> {
        let head = self.wire.read_head()?;
        let (framing, expects) = (head.framing, self.expects_continue(&head)?);
        let mut request = self.request_of(head, number);
        if let Some(answer) = self.script.answer_to_head(&request).map_err(ReadError::Violation)? {
            return self.answer_early(request, framing, &answer);
        }
        if matches!(framing, BodyFraming::Length(length) if length > self.script.body_limit) {
            return self.answer_early(request, framing, &FakeAnswer::new(413));
        }
        if expects && !self.script.ignores_expectations {
            let _ = self.wire.stream.write_all(CONTINUE).and_then(|()| self.wire.stream.flush());
        }
        request.raw_body = match self.wire.read_body(framing, self.script.body_limit) {
            Err(ReadError::TooLarge) => return self.answer_early(request, BodyFraming::None, &FakeAnswer::new(413)),
            body => body?,
        };
        request.body = decode(request.header("content-encoding"), &request.raw_body).map_err(ReadError::Violation)?;
        request.is_whole = true;
        if self.wire.has_more() {
            return Err(ReadError::Violation("bytes follow the request before its answer".to_owned()));
        }
        let mut answer = self.script.answer(&request).map_err(ReadError::Violation)?;
        answer.is_last |= self.script.announces_close && number >= self.script.requests_per_connection;
        answer.is_last |= request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let method = request.method.clone();
        self.keep(request, answer.status);
        Ok(self.reply(&method, &answer))
    }

    fn expects_continue(&self, head: &RequestLine) -> Result<bool, ReadError> {
        match head.header("expect") {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("100-continue") => Ok(true),
            Some(other) => Err(ReadError::Violation(format!("`Expect: {other}` is not `100-continue`"))),
        }
    }

    fn request_of(&self, head: RequestLine, number: usize) -> FakeRequest {
        FakeRequest {
            connection: self.number,
            number,
            method: head.method,
            target: head.target,
            headers: head.headers,
            raw_body: Vec::new(),
            body: Vec::new(),
            is_whole: false,
            status: OnceLock::new(),
        }
    }

    /// Answers before the whole body is there. The connection cannot be used again.
    fn answer_early(
        &mut self,
        mut request: FakeRequest,
        framing: BodyFraming,
        answer: &FakeAnswer,
    ) -> Result<AfterReply, ReadError> {
        if let BodyFraming::Length(length) = framing {
            request.raw_body = self.wire.take(answer.reads_first.min(length))?;
        }
        let method = request.method.clone();
        self.keep(request, answer.status);
        Ok(match self.reply(&method, &answer.clone().and_close()) {
            AfterReply::Reset => AfterReply::Reset,
            _ => AfterReply::Linger,
        })
    }

    /// A request is recorded before its answer goes out: a client that has the answer finds it in the record.
    fn keep(&self, request: FakeRequest, status: u16) {
        if self.script.keeps_no_requests {
            return;
        }
        let _ = request.status.set(status);
        self.record.add_request(Arc::new(request));
    }

    fn reply(&mut self, method: &str, answer: &FakeAnswer) -> AfterReply {
        ReplyWriter { stream: &mut self.wire.stream, signal: self.signal }.send(method, answer)
    }

    /// Reads what the client still sends: closing a socket with unread bytes would reset the connection, and destroy the answer.
    fn linger(&mut self, stream: &TcpStream) {
        let end = Instant::now() + LINGER;
        let mut piece = [0; 16 * 1024];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.signal.is_stopped() || stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            // Bytes of TLS need no reading as such: the socket's bytes are enough.
            match Read::read(&mut &*stream, &mut piece) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}
