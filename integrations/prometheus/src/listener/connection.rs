//! A connection: a request, its response, and the end.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    time::Instant,
};

use rustix::event::PollFlags;

use crate::{
    background::{PollEnd, StopRequest},
    exporter::Exporter,
    exposition::Exposition,
    listener::request::{HEAD_MAX_BYTES, HttpRequest, RequestError, head_bytes},
    user_code::catch_panic,
};

/// The most bytes that are read and dropped behind a response.
const DISCARDED_MAX_BYTES: usize = 64 * 1024;

/// The answer to a request.
enum HttpResponse {
    Figures {
        exposition: Exposition,
        is_head: bool,
    },
    NotFound {
        is_head: bool,
    },
    Refused(RequestError),
    /// Reading the figures panicked.
    Failed,
}

/// A connection with its deadline.
pub(super) struct ScrapeConnection<'a> {
    stream: TcpStream,
    stop: &'a StopRequest,
    deadline: Instant,
}

impl<'a> ScrapeConnection<'a> {
    pub(super) fn new(stream: TcpStream, stop: &'a StopRequest, deadline: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, stop, deadline })
    }

    /// Answers one request. An error of a connection ends that connection, and no other.
    pub(super) fn serve(mut self, exporter: &Exporter, path: &str) {
        let response = match self.read_request() {
            Ok(Ok(request)) if request.path == path => read_figures(exporter, &request),
            Ok(Ok(request)) => HttpResponse::NotFound { is_head: request.is_head },
            Ok(Err(error)) => HttpResponse::Refused(error),
            Err(_) => return,
        };
        let answered = self.write_all(&response.head()).and_then(|()| self.write_all(response.body().as_bytes()));
        if answered.is_ok() {
            self.close();
        }
    }

    /// Reads the head of a request.
    fn read_request(&mut self) -> io::Result<Result<HttpRequest, RequestError>> {
        let mut received = Vec::new();
        loop {
            if let Some(head) = head_bytes(&received).and_then(|bytes| received.get(..bytes)) {
                return Ok(HttpRequest::parse(head));
            }
            if received.len() >= HEAD_MAX_BYTES {
                return Ok(Err(RequestError::TooLong));
            }
            let mut buffer = [0; 1024];
            match self.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => received.extend_from_slice(buffer.get(..bytes).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(Err(RequestError::Late)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the connection. A peer that still sends would get a reset, and might drop the response for it: its bytes are read
    /// before, within limits.
    fn close(mut self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut buffer = [0; 1024];
        let mut left_bytes = DISCARDED_MAX_BYTES;
        while left_bytes > 0 {
            match self.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(bytes) => left_bytes = left_bytes.saturating_sub(bytes),
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(PollFlags::IN)?;
            match self.stream.read(buffer) {
                Err(error) if is_to_be_repeated(&error) => {}
                result => return result,
            }
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if is_to_be_repeated(&error) => self.wait(PollFlags::OUT)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the stream is ready.
    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        match self.stop.wait_or_ready(self.stream.as_fd(), flags, Some(self.deadline)) {
            PollEnd::Ready => Ok(()),
            PollEnd::Late => Err(io::ErrorKind::TimedOut.into()),
            PollEnd::Stop => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

fn is_to_be_repeated(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn read_figures(exporter: &Exporter, request: &HttpRequest) -> HttpResponse {
    match catch_panic(|| exporter.render(request.accept.as_deref())) {
        Some(exposition) => HttpResponse::Figures { exposition, is_head: request.is_head },
        None => HttpResponse::Failed,
    }
}

impl HttpResponse {
    fn head(&self) -> Vec<u8> {
        let (status, content_type, more, bytes) = match self {
            Self::Figures { exposition, .. } => {
                ("200 OK", exposition.content_type(), "Vary: Accept\r\n", exposition.body().len())
            }
            Self::NotFound { .. } => ("404 Not Found", PLAIN, "", NOT_FOUND.len()),
            Self::Refused(error @ RequestError::Method) => (error.status(), PLAIN, "Allow: GET, HEAD\r\n", 0),
            Self::Refused(error) => (error.status(), PLAIN, "", 0),
            Self::Failed => ("500 Internal Server Error", PLAIN, "", 0),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}Cache-Control: no-store\r\nContent-Length: {bytes}\r\n\
             Connection: close\r\n\r\n"
        );
        head.into_bytes()
    }

    fn body(&self) -> &str {
        match self {
            Self::Figures { exposition, is_head: false } => exposition.body(),
            Self::NotFound { is_head: false } => NOT_FOUND,
            _ => "",
        }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";
const NOT_FOUND: &str = "not found\n";
