//! The arguments of a call, as a nested tuple: `(Arg(&a), (Arg(&b), End))`.

use rkyv::{Archive, Place, Portable, Serialize};

use crate::{
    value::{Kind, Value},
    writer::{CutTail, Overrun, SlotWriter},
};

/// An argument, by reference.
#[derive(Debug)]
pub struct Arg<'a, T: ?Sized>(pub &'a T);

impl<T: Value + ?Sized> Archive for Arg<'_, T> {
    type Archived = T::Wire;
    /// A value's wire form is known as soon as its tail is written.
    type Resolver = T::Wire;

    #[inline(always)]
    fn resolve(&self, wire: T::Wire, out: Place<T::Wire>) {
        out.write(wire);
    }
}

impl<T: Value + ?Sized> Serialize<SlotWriter<'_>> for Arg<'_, T> {
    #[inline(always)]
    fn serialize(&self, writer: &mut SlotWriter<'_>) -> Result<T::Wire, Overrun> {
        Ok(self.0.archive(writer))
    }
}

/// The end of a list of arguments.
#[derive(Debug, Clone, Copy)]
pub struct End;

impl Archive for End {
    type Archived = [u8; 0];
    type Resolver = ();

    #[inline(always)]
    fn resolve(&self, (): (), _: Place<[u8; 0]>) {}
}

impl Serialize<SlotWriter<'_>> for End {
    #[inline(always)]
    fn serialize(&self, _: &mut SlotWriter<'_>) -> Result<(), Overrun> {
        Ok(())
    }
}

/// The kinds of a call's arguments, first to last.
///
/// Shapes are distinguished by their addresses: the same address is the same memory, so the same kinds. (Two addresses
/// may hold the same kinds; that costs a second descriptor and nothing else.)
#[derive(Debug)]
pub struct Shape {
    first: Option<(Kind, &'static Shape)>,
}

impl Shape {
    /// The shape of these kinds, which are known at run time only. Its memory is never freed.
    pub(crate) fn leak(kinds: impl DoubleEndedIterator<Item = Kind>) -> &'static Self {
        kinds.rev().fold(End::SHAPE, |behind, kind| Box::leak(Box::new(Self { first: Some((kind, behind)) })))
    }

    /// First to last.
    pub fn kinds(&'static self) -> impl Iterator<Item = &'static Kind> {
        let mut tail = self;
        std::iter::from_fn(move || {
            let (kind, behind) = tail.first.as_ref()?;
            tail = behind;
            Some(kind)
        })
    }
}

/// The arguments of one call. Implemented for nested tuples of [`Arg`], and only for them.
pub trait Arguments: Archive<Archived: Portable> + for<'s> Serialize<SlotWriter<'s>> + sealed::SealedArguments {
    /// Their kinds.
    const SHAPE: &'static Shape;
    /// The length of their root.
    const ROOT_BYTES: usize = {
        // The layout of the root is the plain sequence of wire forms only if none of them is aligned.
        assert!(align_of::<Self::Archived>() == 1);
        size_of::<Self::Archived>()
    };

    /// How many of them have a bit in the mask of a cut record: those of a kind that has a tail.
    const MASKED: usize;

    /// The length of their tail, if nothing is cut.
    fn tail_bytes(&self) -> usize;

    /// Calls `visit` with the length of each argument's tail, in order.
    fn visit_tails(&self, visit: &mut dyn FnMut(usize));

    /// Archives them into a tail that has no room for all of them.
    ///
    /// # Errors
    /// [`Overrun`], as [`Serialize::serialize`].
    fn archive_cut(&self, tail: &mut CutTail<'_>) -> Result<Self::Resolver, Overrun>;
}

mod sealed {
    pub trait SealedArguments {}
    impl SealedArguments for super::End {}
    impl<A, R> SealedArguments for (A, R) {}
}

impl Arguments for End {
    const SHAPE: &'static Shape = &Shape { first: None };
    const MASKED: usize = 0;

    #[inline(always)]
    fn tail_bytes(&self) -> usize {
        0
    }

    fn visit_tails(&self, _: &mut dyn FnMut(usize)) {}

    fn archive_cut(&self, _: &mut CutTail<'_>) -> Result<(), Overrun> {
        Ok(())
    }
}

impl<T: Value + ?Sized, R: Arguments> Arguments for (Arg<'_, T>, R) {
    const SHAPE: &'static Shape = &Shape { first: Some((T::KIND, R::SHAPE)) };
    const MASKED: usize = T::KIND.has_tail() as usize + R::MASKED;

    #[inline(always)]
    fn tail_bytes(&self) -> usize {
        self.0.0.tail_bytes().saturating_add(self.1.tail_bytes())
    }

    fn visit_tails(&self, visit: &mut dyn FnMut(usize)) {
        visit(self.0.0.tail_bytes());
        self.1.visit_tails(visit);
    }

    fn archive_cut(&self, tail: &mut CutTail<'_>) -> Result<Self::Resolver, Overrun> {
        let first = tail.archive(self.0.0)?;
        Ok((first, self.1.archive_cut(tail)?))
    }
}
