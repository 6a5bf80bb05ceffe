//! Text, and the names of files.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    self_typed::SelfTypedWriter,
    value::{Kind, Value, sealed::Sealed},
    writer::SlotWriter,
};

macro_rules! as_str {
    ($($type:ty),*) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; 8];
            const KIND: Kind = Kind::Text;

            #[inline(always)]
            fn tail_bytes(&self) -> usize {
                self.len()
            }

            #[inline(always)]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
                writer.put_text(self)
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.text(self);
            }
        }
    )*};
}

as_str!(str, String, Cow<'_, str>);

// A name of the system is text but for rare ones, which readers see as bytes.
macro_rules! as_os_str {
    ($($type:ty),*) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; 8];
            const KIND: Kind = Kind::Text;

            #[inline]
            fn tail_bytes(&self) -> usize {
                bytes_of(self).len()
            }

            #[inline]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
                writer.put_bytes(bytes_of(self))
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.text_bytes(bytes_of(self));
            }
        }
    )*};
}

fn bytes_of<N: AsRef<Path> + ?Sized>(name: &N) -> &[u8] {
    name.as_ref().as_os_str().as_bytes()
}

as_os_str!(OsStr, OsString, Path, PathBuf, Cow<'_, OsStr>, Cow<'_, Path>);
