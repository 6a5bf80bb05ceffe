//! The allocations of a request's log. A program of its own, because an allocator is a whole program's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    convert::Infallible,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use fapilog::{Container, format, sink};
use fapilog_tower::{RequestLog, RequestLogLayer};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, service_fn};

/// The id as a header's value and its copy: 2; the scope: 3; the route: 1; the request's extensions: 2; the response's headers: 2; the
/// fields that handlers may add: 1.
const ALLOCATIONS_MAX: usize = 11;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("no future of this test waits"),
    }
}

/// The allocations of a request, from the call of the service to the end of the response body.
fn allocations<S, B>(service: &mut S, id: Option<&str>) -> usize
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let request = Request::get("/orders/42?page=2").header("user-agent", "test");
    let request = id.into_iter().fold(request, |request, id| request.header("x-request-id", id));
    let request = request.body(Empty::new()).unwrap();
    let before = ALLOCATIONS.get();
    let response = ready(service.call(request)).unwrap();
    let mut body = pin!(response.into_body());
    while ready(body.frame()).is_some() {}
    ALLOCATIONS.get() - before
}

async fn handler<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("an order")))
}

#[test]
fn a_request_costs_a_few_allocations_and_always_the_same() {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start().unwrap();
    let layer = RequestLogLayer::new(RequestLog::new(&logs.logger("test"))).route(|_| Some("/orders/{id}".into()));
    let mut bare = service_fn(handler);
    let mut logged = layer.layer(service_fn(handler));
    for id in [Some("0198c0de-0000-7000-8000-000000000000"), None] {
        // The first requests register call sites, and make the thread's ring.
        for _ in 0..10 {
            allocations(&mut bare, id);
            allocations(&mut logged, id);
        }
        let more: Vec<usize> = (0..100).map(|_| allocations(&mut logged, id) - allocations(&mut bare, id)).collect();
        assert!(more.iter().all(|count| *count <= ALLOCATIONS_MAX), "{more:?}");
    }
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}
