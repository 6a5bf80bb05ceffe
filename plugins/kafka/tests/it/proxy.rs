//! A proxy in front of Tansu, which sees each request of the protocol.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use fapilog_test_servers::servers::Tansu;

/// The proxy's treatment of a request.
pub(crate) enum ProxyAction {
    /// The broker answers.
    Pass,
    /// The proxy answers.
    Answer(Vec<u8>),
    /// The broker has answered, and the connection breaks before the client has the answer.
    DropAnswer,
}

/// The key of a request, by the protocol's table.
pub(crate) fn key_of(request: &[u8]) -> u16 {
    u16::from_be_bytes([request[0], request[1]])
}

/// Starts Tansu behind a proxy, and returns the proxy's port of `localhost`. Each connection has a function of its own for its requests.
pub(crate) fn tansu_behind<F: FnMut(&[u8]) -> ProxyAction + Send + 'static>(
    connection: impl Fn() -> F + Send + 'static,
) -> Option<(Tansu, u16)> {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let server = Tansu::behind(port)?;
    let broker = server.broker();
    thread::spawn(move || {
        for client in proxy.incoming().flatten() {
            let action = connection();
            thread::spawn(move || serve(client, broker, action));
        }
    });
    Some((server, port))
}

fn serve(mut client: TcpStream, broker: SocketAddr, mut action: impl FnMut(&[u8]) -> ProxyAction) -> io::Result<()> {
    let mut server = TcpStream::connect(broker)?;
    loop {
        let request = read_frame(&mut client)?;
        match action(&request) {
            ProxyAction::Answer(answer) => write_frame(&mut client, &answer)?,
            action => {
                write_frame(&mut server, &request)?;
                let answer = read_frame(&mut server)?;
                if matches!(action, ProxyAction::DropAnswer) {
                    return Ok(());
                }
                write_frame(&mut client, &answer)?;
            }
        }
    }
}

/// A frame of the protocol, without its length.
fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    stream.write_all(&[&(frame.len() as u32).to_be_bytes(), frame].concat())
}
