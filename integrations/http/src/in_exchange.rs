//! User code that works for a request: the service's future, and the body of the response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{Exchange, call_catching_panics};

pin_project! {
    /// User code that works for a request: the future of a service, or the body of a response. It is polled and dropped inside the
    /// scope of the request, and a panic of it is the outcome of the request.
    ///
    /// As a future, it returns the output of the service's future and the exchange, which goes on with the body of the response.
    ///
    /// A drop of it in the middle of a panic catches a second panic, which would end the process.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct InExchange<T> {
        // `None` when it is dropped.
        #[pin]
        user_code: Option<T>,
        // `None` when it is handed on.
        exchange: Option<Exchange>,
    }

    impl<T> PinnedDrop for InExchange<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let exchange = this.exchange.as_ref();
            let mut drop_inside = || match exchange {
                Some(exchange) => exchange.run(|| this.user_code.set(None)),
                None => this.user_code.set(None),
            };
            if std::thread::panicking() {
                let _caught = call_catching_panics(drop_inside);
            } else {
                drop_inside();
            }
        }
    }
}

impl<T> InExchange<T> {
    /// User code that works for the request of this exchange.
    pub fn new(user_code: T, exchange: Exchange) -> Self {
        Self { user_code: Some(user_code), exchange: Some(exchange) }
    }

    /// Runs a method of the user code inside the scope. `None` if the user code is dropped.
    pub fn look<R>(&self, method: impl FnOnce(&T) -> R) -> Option<R> {
        let (user_code, exchange) = self.user_code.as_ref().zip(self.exchange.as_ref())?;
        Some(exchange.run(|| method(user_code)))
    }

    /// As [`look`](Self::look), with a method that changes the user code. Returns the exchange, too.
    pub fn run<R>(self: Pin<&mut Self>, method: impl FnOnce(Pin<&mut T>) -> R) -> Option<(R, &mut Exchange)> {
        let this = self.project();
        let (user_code, exchange) = this.user_code.as_pin_mut().zip(this.exchange.as_mut())?;
        let result = exchange.run(|| method(user_code));
        Some((result, exchange))
    }
}

impl<F: Future> Future for InExchange<F> {
    type Output = (F::Output, Exchange);

    #[expect(
        clippy::panic,
        reason = "a future that is polled after it was ready panics, as the contract of futures has it"
    )]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(future), Some(exchange)) = (this.user_code.as_mut().as_pin_mut(), this.exchange.as_ref()) else {
            panic!("the future of a response is polled after it was ready");
        };
        let Poll::Ready(output) = exchange.run(|| future.poll(context)) else { return Poll::Pending };
        exchange.run(|| this.user_code.set(None));
        this.exchange.take().map_or(Poll::Pending, |exchange| Poll::Ready((output, exchange)))
    }
}
