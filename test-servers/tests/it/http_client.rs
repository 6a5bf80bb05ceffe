//! A client that writes the bytes of a test and reads what comes.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use fapilog_test_servers::FakeHttp;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct HttpClient {
    pub(crate) stream: TcpStream,
}

impl HttpClient {
    pub(crate) fn connect(server: &FakeHttp) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a POST with this body, and more lines of the head.
    pub(crate) fn post(&mut self, headers: &str, body: &[u8]) {
        let head = format!("POST /logs?a=1 HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        self.send([head.as_bytes(), body].concat());
    }

    /// Reads up to a head's end.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads to the end of the connection.
    pub(crate) fn all(&mut self) -> io::Result<String> {
        let mut all = String::new();
        self.stream.read_to_string(&mut all)?;
        Ok(all)
    }
}

/// Sends one request, and returns all that comes back until the connection ends.
pub(crate) fn exchange(server: &FakeHttp, bytes: impl AsRef<[u8]>) -> String {
    let mut client = HttpClient::connect(server);
    client.send(bytes);
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.all().unwrap()
}
