//! Connections: TCP, Unix sockets, TLS.

use std::{
    future::Future,
    io,
    net::TcpStream,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::{
    TlsConnector, client,
    rustls::{ClientConfig, pki_types::ServerName},
};

/// The bytes that a server may send for one payload, or while a connection is made. Its answers are some hundred bytes; the client library
/// would take a message of 2 GiB into memory.
const RECEIVED_BYTES_MAX: usize = 4 << 20;

/// The bytes that may still be received.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceiveBudget(Arc<AtomicUsize>);

impl ReceiveBudget {
    /// As many again as for each payload.
    pub(crate) fn refill(&self) {
        // Relaxed: the runtime is on the thread that refills.
        self.0.store(RECEIVED_BYTES_MAX, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        // Relaxed, as the store below: the runtime is on the thread that refills.
        let left = self.0.load(Ordering::Relaxed);
        let Some(left) = left.checked_sub(bytes) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sends more than any answer has"));
        };
        // Relaxed: see the load.
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// A stream that ends with an error when the server sends too much.
pub(crate) struct BoundedStream {
    stream: Box<dyn Transport>,
    budget: ReceiveBudget,
}

impl BoundedStream {
    pub(crate) fn tcp(stream: TcpStream, budget: ReceiveBudget) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: Box::new(tokio::net::TcpStream::from_std(stream)?), budget })
    }

    pub(crate) fn unix(stream: tokio::net::UnixStream, budget: ReceiveBudget) -> Self {
        Self { stream: Box::new(stream), budget }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(this.budget.take(buffer.filled().len().saturating_sub(before))),
            other => other,
        }
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// TLS by rustls, for the client library.
pub(crate) struct RustlsConnect {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl TlsConnect<BoundedStream> for RustlsConnect {
    type Stream = RustlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<RustlsStream>> + Send>>;

    fn connect(self, stream: BoundedStream) -> Self::Future {
        Box::pin(async move {
            let stream = TlsConnector::from(self.config).connect(self.name, stream).await?;
            Ok(RustlsStream(Box::new(stream)))
        })
    }
}

/// An encrypted stream.
pub(crate) struct RustlsStream(Box<client::TlsStream<BoundedStream>>);

impl TlsStream for RustlsStream {
    // The hash of the certificate needs its signature's algorithm, and so a parser of certificates. The certificate is checked, always.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for RustlsStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for RustlsStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
