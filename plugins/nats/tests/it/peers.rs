//! A proxy that drops the server's bytes, and a server of a test's own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A proxy that drops acknowledgements until [`pass_on`](Self::pass_on).
pub(crate) struct DroppingProxy {
    address: SocketAddr,
    passes: Arc<AtomicBool>,
}

impl DroppingProxy {
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), passes: Arc::default() };
        let passes = Arc::clone(&proxy.passes);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = TcpStream::connect(server) else { return };
                let (mut from_client, mut to_server) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
                let passes = Arc::clone(&passes);
                thread::spawn(move || pass_lines(upstream, client, &passes));
            }
        });
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pass_on(&self) {
        self.passes.store(true, Ordering::SeqCst);
    }
}

/// Messages have one line of content each.
fn pass_lines(upstream: TcpStream, mut client: TcpStream, passes: &AtomicBool) {
    let mut reader = BufReader::new(upstream);
    loop {
        let mut line = Vec::new();
        if !matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            return;
        }
        if line.starts_with(b"MSG ") {
            let _ = reader.read_until(b'\n', &mut line);
            if !passes.load(Ordering::SeqCst) {
                continue;
            }
        }
        if client.write_all(&line).is_err() {
            return;
        }
    }
}

/// A message that the sink has published.
#[derive(Debug, Clone)]
pub(crate) struct PublishedMessage {
    pub(crate) reply: Option<String>,
}

/// The server's end of a connection.
pub(crate) struct FakeConnection {
    reader: BufReader<TcpStream>,
    pub(crate) stream: TcpStream,
    /// The `CONNECT` of the client.
    pub(crate) connect: String,
}

/// The `INFO` of a usual server.
pub(crate) const INFO: &str =
    r#"INFO {"server_id":"x","headers":true,"jetstream":true,"max_payload":1048576,"nonce":"n0nce"}"#;

impl FakeConnection {
    /// Sends `INFO`, and answers the first `PING`.
    pub(crate) fn greet(&mut self, info: &str) {
        self.send(&format!("{info}\r\n"));
        loop {
            let Some(line) = self.line() else { return };
            if line.starts_with("CONNECT ") {
                self.connect = line;
            } else if line == "PING" {
                return self.send("PONG\r\n");
            }
        }
    }

    /// An error of the client's end is the test's to find.
    pub(crate) fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        matches!(self.reader.read_line(&mut line), Ok(1..)).then(|| line.trim_end().to_owned())
    }

    /// The next message. `None`: the client has closed the connection. `PING` is answered.
    pub(crate) fn message(&mut self) -> Option<PublishedMessage> {
        loop {
            let line = self.line()?;
            let words: Vec<_> = line.split(' ').collect();
            match words[0] {
                "PING" => self.send("PONG\r\n"),
                "HPUB" => {
                    let length: usize = words.last()?.parse().ok()?;
                    let mut content = vec![0; length + 2];
                    self.reader.read_exact(&mut content).ok()?;
                    return Some(PublishedMessage { reply: (words.len() == 5).then(|| words[2].to_owned()) });
                }
                _ => {}
            }
        }
    }

    /// Acknowledges a message.
    pub(crate) fn acknowledge(&mut self, message: &PublishedMessage) {
        let ack = r#"{"stream":"LOGS","seq":7}"#;
        let reply = message.reply.as_deref().unwrap();
        self.send(&format!("MSG {reply} 1 {}\r\n{ack}\r\n", ack.len()));
    }

    /// Waits until the client has closed the connection.
    pub(crate) fn wait_for_close(&mut self) {
        while self.line().is_some() {}
    }
}

/// A server of a test's own: `serve` gets each connection, with its number from 0.
pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl FakeServer {
    pub(crate) fn start(serve: impl Fn(usize, &mut FakeConnection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let (serve, connections) = (Arc::new(serve), Arc::clone(&server.connections));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    // As servers do: a short answer waits for no acknowledgement of the one before.
                    stream.set_nodelay(true).unwrap();
                    let reader = BufReader::new(stream.try_clone().unwrap());
                    serve(number, &mut FakeConnection { reader, stream, connect: String::new() });
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}
