//! An HTTP server that reads requests and keeps nothing of them: it costs as little as a server can, so that a measurement is of the sink.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use crate::servers::SinkResult;

/// The sink of a measurement, and the answers that it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AbsorbingTarget {
    /// Makes the sink by the URL of the server, without a path.
    pub(crate) sink: fn(&str) -> SinkResult,
    /// Appends the answer to a body.
    pub(crate) answer: fn(&[u8], &mut Vec<u8>),
}

/// Appends an answer of HTTP.
pub(crate) fn http_answer(status: &str, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
}

/// Starts a server, which runs until the program ends. Returns its URL.
pub(crate) fn start(target: AbsorbingTarget) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let serve = move |stream| drop(thread::spawn(move || absorb(stream, target.answer)));
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    Ok(url)
}

/// Answers the requests of a connection.
fn absorb(stream: TcpStream, answer: fn(&[u8], &mut Vec<u8>)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::with_capacity(1 << 20, stream);
    let (mut body, mut out) = (Vec::new(), Vec::new());
    while let Some(length) = read_head(&mut requests)? {
        body.resize(length, 0);
        requests.read_exact(&mut body)?;
        out.clear();
        answer(&body, &mut out);
        answers.write_all(&out)?;
    }
    Ok(())
}

/// Reads the head of a request, and returns the length of its body. `None`: the connection is closed.
fn read_head(requests: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            return Ok(Some(length));
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}
