//! The beginning of a connection: `INFO`, TLS, `CONNECT`, the subscription of acknowledgements, and `PING`.

use std::{
    io,
    time::{Duration, Instant},
};

use fapilog_format::json::put_string;
use fapilog_plugin::{
    problem::{Problem, SettingsError},
    settings::SecretBytes,
    sink::SinkError,
    timestamp::Timestamp,
    uuid_v7::{TEXT_BYTES, UuidV7, random_part},
};
use fapilog_sink_network::connection::NetworkConnection;
use zeroize::Zeroizing;

use crate::{
    connection::{ConnectionEvent, NatsConnection},
    error::NatsError,
    nkey::{UserKey, read_credentials},
    servers::NatsServer,
    settings::{NatsAcknowledgement, NatsSettings},
};

/// The user of a connection.
enum NatsUser {
    Anyone,
    Password { name: String, password: SecretBytes },
    Token(SecretBytes),
    Key(UserKey),
    Credentials { jwt: SecretBytes, key: UserKey },
}

/// The beginning of each connection.
pub(crate) struct Greeting {
    user: NatsUser,
    name: String,
    inbox_prefix: String,
    tls_first: bool,
    has_acknowledgements: bool,
    needs_headers: bool,
}

impl Greeting {
    /// Reads the secrets.
    pub(crate) fn new(settings: &NatsSettings) -> Result<Self, SinkError> {
        let has_acknowledgements = settings.acknowledgement == NatsAcknowledgement::Stream;
        Ok(Self {
            user: NatsUser::read(settings)?,
            name: settings.name.clone(),
            inbox_prefix: settings.inbox_prefix.clone(),
            tls_first: settings.tls_first,
            has_acknowledgements,
            needs_headers: has_acknowledgements || settings.message_id,
        })
    }

    /// Whether `INFO` comes by TLS.
    pub(crate) fn is_tls_first(&self) -> bool {
        self.tls_first
    }

    /// Connects to a server, by the deadline.
    pub(crate) fn connect(&self, server: &mut NatsServer, deadline: Instant) -> Result<NatsConnection, SinkError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let url = server.url.clone();
        let failed = |source: io::Error| SinkError::retryable(greeting_error(&url, limit, source));
        let mut connection = self.connect_until_info(server, deadline, limit)?;
        if self.needs_headers && !connection.info.headers {
            return Err(SinkError::retryable(NatsError::NoHeaders { server: url }));
        }
        let commands = self.commands(&connection);
        connection.write_all_secret(&commands).map_err(failed)?;
        loop {
            match next_event(&mut connection).map_err(failed)? {
                ConnectionEvent::Pong => return Ok(connection),
                ConnectionEvent::Fatal(reason) => {
                    return Err(SinkError::retryable(NatsError::Refused { server: url, reason }));
                }
                _ => {}
            }
        }
    }

    fn connect_until_info(
        &self,
        server: &mut NatsServer,
        deadline: Instant,
        limit: Duration,
    ) -> Result<NatsConnection, SinkError> {
        let url = server.url.clone();
        let failed = |source: io::Error| SinkError::retryable(greeting_error(&url, limit, source));
        let inbox = self.new_inbox();
        if self.tls_first && server.is_tls {
            let mut connection = NatsConnection::new(server.dialer.dial(deadline)?, deadline, inbox);
            read_info(&mut connection).map_err(failed)?;
            return Ok(connection);
        }
        let tcp = server.dialer.connect_tcp(deadline)?;
        let plain = NetworkConnection::from(tcp.try_clone().map_err(failed)?);
        let mut connection = NatsConnection::new(plain, deadline, inbox);
        read_info(&mut connection).map_err(failed)?;
        if !server.is_tls && !connection.info.tls_required {
            return Ok(connection);
        }
        if !server.is_tls && matches!(server.dialer.server_name(), Ok(None)) {
            return Err(SinkError::retryable(NatsError::NeedsTls { server: url }));
        }
        // Bytes behind INFO would be read as if they were protected.
        if connection.has_input() || !(connection.info.tls_required || connection.info.tls_available) {
            return Err(SinkError::retryable(NatsError::NoTls { server: url }));
        }
        let stream = server.dialer.upgrade(tcp, deadline)?;
        Ok(connection.over(stream))
    }

    /// The front of the reply subjects: each connection has its own, so that late answers to another one are not taken for its own.
    fn new_inbox(&self) -> Vec<u8> {
        let mut text = [0; TEXT_BYTES];
        let id = UuidV7::new(Timestamp::from(std::time::SystemTime::now()), random_part());
        let id = id.encode(&mut text);
        format!("{}.{id}.", self.inbox_prefix).into_bytes()
    }

    /// `CONNECT`, `SUB` and `PING`, with room for all, so that no copy of a secret stays behind in memory that was given back.
    fn commands(&self, connection: &NatsConnection) -> Zeroizing<Vec<u8>> {
        let text = self.name.len() + self.inbox_prefix.len() + self.user.bytes();
        // A character has six bytes at most in JSON.
        let mut out = Zeroizing::new(Vec::with_capacity(1024 + 6 * text));
        out.extend_from_slice(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"protocol\":1,\"lang\":\"rust\"",
        );
        out.extend_from_slice(if connection.is_tls() { b",\"tls_required\":true" } else { b",\"tls_required\":false" });
        if self.needs_headers {
            out.extend_from_slice(b",\"headers\":true,\"no_responders\":true");
        }
        put_member(&mut out, "version", env!("CARGO_PKG_VERSION"));
        put_member(&mut out, "name", &self.name);
        self.user.put(&connection.info.nonce, &mut out);
        out.extend_from_slice(b"}\r\n");
        if self.has_acknowledgements {
            out.extend_from_slice(b"SUB ");
            out.extend_from_slice(&connection.inbox);
            out.extend_from_slice(b"* 1\r\n");
        }
        out.extend_from_slice(b"PING\r\n");
        out
    }
}

impl NatsUser {
    fn read(settings: &NatsSettings) -> Result<Self, SinkError> {
        let invalid = |setting: &str, reference: &dyn std::fmt::Display, allowed: &str| {
            let problem = Problem::new(setting, reference, allowed);
            SinkError::permanent(SettingsError { problems: vec![problem] })
        };
        const TEXT: &str = "it must lead to a text in UTF-8";
        if let (Some(name), Some(reference)) = (&settings.username, &settings.password) {
            let password = reference.read().map_err(SinkError::permanent)?;
            password.expose_text().map_err(|_| invalid("password", reference, TEXT))?;
            return Ok(Self::Password { name: name.clone(), password });
        }
        if let Some(reference) = &settings.token {
            let token = reference.read().map_err(SinkError::permanent)?;
            token.expose_text().map_err(|_| invalid("token", reference, TEXT))?;
            return Ok(Self::Token(token));
        }
        if let Some(reference) = &settings.nkey_seed {
            let seed = reference.read().map_err(SinkError::permanent)?;
            let key = UserKey::from_seed(seed.expose());
            return key.map(Self::Key).map_err(|error| invalid("nkey_seed", reference, error.0));
        }
        let Some(reference) = &settings.credentials else { return Ok(Self::Anyone) };
        let secret = reference.read().map_err(SinkError::permanent)?;
        let text = secret.expose_text().map_err(|_| invalid("credentials", reference, TEXT))?;
        let (jwt, key) = read_credentials(text).map_err(|error| invalid("credentials", reference, error.0))?;
        Ok(Self::Credentials { jwt: SecretBytes::copy_of(jwt.as_bytes()), key })
    }

    /// Length of its texts, but for keys and signatures.
    fn bytes(&self) -> usize {
        match self {
            Self::Anyone | Self::Key(_) => 0,
            Self::Password { name, password } => name.len() + password.len(),
            Self::Token(secret) | Self::Credentials { jwt: secret, .. } => secret.len(),
        }
    }

    fn put(&self, nonce: &str, out: &mut Vec<u8>) {
        let text = |secret: &SecretBytes, name: &str, out: &mut Vec<u8>| {
            put_member(out, name, secret.expose_text().unwrap_or_default());
        };
        match self {
            Self::Anyone => {}
            Self::Password { name, password } => {
                put_member(out, "user", name);
                text(password, "pass", out);
            }
            Self::Token(token) => text(token, "auth_token", out),
            Self::Key(key) => {
                put_member(out, "nkey", &key.public_text());
                put_member(out, "sig", &key.sign(nonce));
            }
            Self::Credentials { jwt, key } => {
                text(jwt, "jwt", out);
                put_member(out, "sig", &key.sign(nonce));
            }
        }
    }
}

fn put_member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    put_string(out, value);
}

fn read_info(connection: &mut NatsConnection) -> io::Result<()> {
    match next_event(connection)? {
        ConnectionEvent::Info => Ok(()),
        _ => Err(crate::protocol::invalid("the server does not begin with INFO")),
    }
}

fn next_event(connection: &mut NatsConnection) -> io::Result<ConnectionEvent> {
    loop {
        if let Some(event) = connection.take_event()? {
            return Ok(event);
        }
        connection.read_wait()?;
    }
}

fn greeting_error(url: &str, limit: Duration, source: io::Error) -> NatsError {
    let server = url.to_owned();
    match source.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NatsError::ConnectTimeout { server, limit },
        _ => NatsError::Greeting { server, source },
    }
}
