//! Times, addresses and identifiers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    self_typed::SelfTypedWriter,
    value::{Kind, Value, ValueRef, sealed::Sealed},
    writer::SlotWriter,
};

#[inline(always)]
fn seconds_and_nanos(seconds: [u8; 8], nanos: u32) -> [u8; 12] {
    let mut wire = [0; 12];
    let (head, tail) = wire.split_at_mut(8);
    head.copy_from_slice(&seconds);
    tail.copy_from_slice(&nanos.to_le_bytes());
    wire
}

impl Sealed for Duration {}

impl Value for Duration {
    type Wire = [u8; 12];
    const KIND: Kind = Kind::Duration;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 12] {
        seconds_and_nanos(self.as_secs().to_le_bytes(), self.subsec_nanos())
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        out.value_ref(ValueRef::Duration(*self));
    }
}

impl Sealed for SystemTime {}

impl Value for SystemTime {
    type Wire = [u8; 12];
    const KIND: Kind = Kind::Time;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 12] {
        let (seconds, nanos) = since_epoch(*self);
        seconds_and_nanos(seconds.to_le_bytes(), nanos)
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        let (seconds, nanos) = since_epoch(*self);
        out.value_ref(ValueRef::Time { seconds, nanos });
    }
}

/// Seconds, rounded down, and nanoseconds since then.
fn since_epoch(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
        Err(earlier) => {
            let before = earlier.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                nanos => ((-seconds).saturating_sub(1), 1_000_000_000 - nanos),
            }
        }
    }
}

fn ip_wire(version: u8, address: &[u8]) -> [u8; 17] {
    let mut wire = [0; 17];
    if let Some((head, tail)) = wire.split_first_mut() {
        *head = version;
        for (to, from) in tail.iter_mut().zip(address) {
            *to = *from;
        }
    }
    wire
}

macro_rules! ip {
    ($($type:ty => |$this:ident| $wire:expr),* $(,)?) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; 17];
            const KIND: Kind = Kind::Ip;

            #[inline]
            fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 17] {
                let $this = self;
                $wire
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.value_ref(ValueRef::Ip((*self).into()));
            }
        }
    )*};
}

ip! {
    Ipv4Addr => |ip| ip_wire(4, &ip.octets()),
    Ipv6Addr => |ip| ip_wire(6, &ip.octets()),
    IpAddr => |ip| match ip {
        IpAddr::V4(v4) => ip_wire(4, &v4.octets()),
        IpAddr::V6(v6) => ip_wire(6, &v6.octets()),
    },
}

/// The bytes of a socket address: version, address, port and scope.
pub(super) const SOCKET_BYTES: usize = 23;

fn socket_wire(ip: [u8; 17], port: u16, scope_id: u32) -> [u8; SOCKET_BYTES] {
    let mut bytes = ip.into_iter().chain(port.to_le_bytes()).chain(scope_id.to_le_bytes());
    std::array::from_fn(|_| bytes.next().unwrap_or_default())
}

fn socket_v4_wire(socket: &SocketAddrV4) -> [u8; SOCKET_BYTES] {
    socket_wire(ip_wire(4, &socket.ip().octets()), socket.port(), 0)
}

fn socket_v6_wire(socket: &SocketAddrV6) -> [u8; SOCKET_BYTES] {
    socket_wire(ip_wire(6, &socket.ip().octets()), socket.port(), socket.scope_id())
}

macro_rules! socket {
    ($($type:ty => |$this:ident| $wire:expr),* $(,)?) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; SOCKET_BYTES];
            const KIND: Kind = Kind::Socket;

            #[inline]
            fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; SOCKET_BYTES] {
                let $this = self;
                $wire
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.value_ref(ValueRef::Socket((*self).into()));
            }
        }
    )*};
}

socket! {
    SocketAddrV4 => |socket| socket_v4_wire(socket),
    SocketAddrV6 => |socket| socket_v6_wire(socket),
    SocketAddr => |socket| match socket {
        SocketAddr::V4(v4) => socket_v4_wire(v4),
        SocketAddr::V6(v6) => socket_v6_wire(v6),
    },
}

mod uuids {
    use crate::value::times::{Kind, Sealed, SelfTypedWriter, SlotWriter, Value, ValueRef};

    impl Sealed for uuid::Uuid {}

    impl Value for uuid::Uuid {
        type Wire = [u8; 16];
        const KIND: Kind = Kind::Uuid;

        #[inline(always)]
        fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 16] {
            *self.as_bytes()
        }

        #[inline]
        fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
            out.value_ref(ValueRef::Uuid(*self.as_bytes()));
        }
    }
}
