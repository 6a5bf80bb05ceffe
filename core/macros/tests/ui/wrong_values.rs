//! A value of a wrong type is reported at its field. The facade's macros check the types like these.

#[macro_export]
macro_rules! info {
    ($($call:tt)*) => { fapilog_macros::log_call!([$crate] [const Info] $($call)*) };
}

#[macro_export]
macro_rules! __fapilog_log {
    ($level:tt [$logger:expr] $target:tt $message:literal $template:tt $names:tt $arguments:tt) => {
        $logger.log($message, $arguments)
    };
}

mod __private {
    pub struct Arg<'a, T: ?Sized>(pub &'a T);
    pub struct End;
    pub trait Value {}
    impl Value for i32 {}
    impl Value for str {}
    pub trait Arguments {}
    impl Arguments for End {}
    impl<T: Value + ?Sized, Tail: Arguments> Arguments for (Arg<'_, T>, Tail) {}
}

struct Logger;

impl Logger {
    fn log<A: __private::Arguments>(&self, _: &str, _: A) {}
}

struct Wrong;

fn make(_: i32) -> Wrong {
    Wrong
}

fn main() {
    let (log, wrong, name) = (Logger, Wrong, String::from("x"));
    info!(log, "m", a = 1, wrong, b = 2);
    info!(log, "m", a = 1, target: &name, tags.b = make(1));
    info!(log, "m {wrong}", a = 1);
}
