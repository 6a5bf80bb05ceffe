//! The middleware in applications of actix-web: in tests of its own, and over real connections.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    future::pending,
    io::{Read, Write},
    net::TcpStream,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    body::{BodySize, MessageBody},
    dev::{Service, ServiceResponse},
    error::ErrorBadGateway,
    http::StatusCode,
    rt::task,
    test::{TestRequest, call_and_read_body, call_service, init_service, try_call_service},
    web,
};
use bytes::Bytes;
use fapilog::{
    Level, assert_logged, assert_logged_times, assert_not_logged, info, scope,
    scope::InScope,
    testing::{LoggedEvent, LoggedValue, TestLog},
};
use fapilog_actix::{LoggedRequest, RequestLog, RequestLogTransform};

fn transform(test: &TestLog) -> RequestLogTransform {
    RequestLogTransform::new(RequestLog::new(test.log()))
}

fn canonical(test: &TestLog) -> LoggedEvent {
    assert_logged_times!(test, 1, message: "request finished");
    assert_logged!(test, message: "request finished")
}

#[actix_web::test]
async fn the_canonical_event_has_the_template_of_the_route_and_counts_both_bodies() {
    let test = TestLog::new();
    let app = App::new()
        .wrap(transform(&test))
        .service(web::scope("/shop").route("/orders/{id}", web::post().to(|body: String| async move { body + "!" })));
    let app = init_service(app).await;
    let request = TestRequest::post().uri("/shop/orders/42?token=secret").set_payload("12345").to_request();
    assert_eq!(call_and_read_body(&app, request).await, "12345!");
    let event = canonical(&test);
    assert_eq!((event.level, event.target.as_str()), (Level::Info, "fapilog::request"));
    assert!(!format!("{event:?}").contains("secret"), "{event:?}");
    assert_logged!(
        test,
        method = "POST",
        route = "/shop/orders/{id}",
        status = 200,
        protocol = "HTTP/1.1",
        outcome = "completed",
        metrics.request_bytes = 5,
        metrics.response_bytes = 6
    );
    assert!(
        matches!(event.metrics["latency"], LoggedValue::Duration(latency) if latency > Duration::ZERO),
        "{event:?}"
    );
}

#[actix_web::test]
async fn an_id_of_the_client_is_bound_across_handlers_tasks_and_threads_and_sent_back() {
    let test = TestLog::new();
    let log = test.log().clone();
    let handler = move |request: LoggedRequest| {
        let log = log.clone();
        async move {
            info!(log, "in the handler");
            let of_task = log.clone();
            let work = async move {
                task::yield_now().await;
                info!(of_task, "in the task");
            };
            actix_web::rt::spawn(work.in_current_scope()).await.unwrap();
            request.note(scope!(user_id = 42));
            let id = request.id().to_owned();
            std::thread::spawn(move || info!(request.logger(), "on a thread")).join().unwrap();
            id
        }
    };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let request = TestRequest::get().uri("/").insert_header(("x-request-id", "7f3a")).to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.headers().get("x-request-id").unwrap(), "7f3a");
    drop(response);
    test.assert_all_correlated("7f3a");
    assert_eq!(test.events().len(), 4);
    assert_logged_times!(test, 1, user_id = 42);
    assert_logged!(test, message: "request finished", user_id = 42);
}

#[actix_web::test]
async fn events_of_a_request_with_a_traceparent_have_its_trace_and_span() {
    let test = TestLog::new();
    let log = test.log().clone();
    let handler = move |request: LoggedRequest| {
        info!(log, "in the handler");
        async move {
            std::thread::spawn(move || info!(request.logger(), "on a thread")).join().unwrap();
            ""
        }
    };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    call_service(&app, TestRequest::get().uri("/").insert_header(("traceparent", trace)).to_request()).await;
    let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    assert_logged_times!(test, 3, correlation_id: trace_id, trace_id, span_id);
}

#[actix_web::test]
async fn a_middleware_inside_another_takes_its_id() {
    let test = TestLog::new();
    let scope = web::scope("/shop").wrap(transform(&test));
    let scope = scope.route("/", web::get().to(|request: LoggedRequest| async move { request.id().to_owned() }));
    let app = init_service(App::new().service(scope).wrap(transform(&test))).await;
    let response = call_service(&app, TestRequest::get().uri("/shop/").to_request()).await;
    let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    assert_eq!(call_body(response).await, id);
    test.assert_all_correlated(&id);
}

#[actix_web::test]
async fn an_invalid_id_gives_way_to_a_uuid_v7_and_is_flagged() {
    let test = TestLog::new();
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(HttpResponse::Ok))).await;
    let request = TestRequest::get().uri("/").insert_header(("x-request-id", "a b")).to_request();
    let response = call_service(&app, request).await;
    let id = response.headers().get("x-request-id").unwrap().to_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"));
    assert_logged!(test, message: "request finished", correlation_id: id, tags.invalid_request_id = "characters");
}

#[actix_web::test]
async fn the_error_of_a_handler_is_logged_and_its_response_has_the_id() {
    let test = TestLog::new();
    let handler = || async { Err::<HttpResponse, _>(ErrorBadGateway("the warehouse does not answer")) };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert!(response.headers().contains_key("x-request-id"));
    call_body(response).await;
    assert_eq!(canonical(&test).level, Level::Error);
    assert_logged!(test, status = 502, error = "the warehouse does not answer");
}

async fn call_body<B: MessageBody>(response: ServiceResponse<B>) -> Bytes {
    actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default()
}

#[actix_web::test]
async fn the_error_of_an_inner_middleware_is_logged_and_its_response_has_the_id() {
    let test = TestLog::new();
    let app = App::new()
        .route("/", web::get().to(HttpResponse::Ok))
        .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(ErrorBadGateway("no session")) })
        .wrap(transform(&test));
    let app = init_service(app).await;
    let request = TestRequest::get().uri("/").insert_header(("x-request-id", "7f3a")).to_request();
    let error = try_call_service(&app, request).await.err().unwrap();
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers().get("x-request-id").unwrap(), "7f3a");
    canonical(&test);
    assert_logged!(test, level: Error, status = 502, error = "no session", metrics.response_bytes = 10);
}

#[actix_web::test]
async fn the_response_of_an_error_is_made_inside_the_scope_and_may_panic() {
    #[derive(Debug)]
    struct LogsItsResponse(fapilog::Logger, bool);
    impl std::fmt::Display for LogsItsResponse {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no session")
        }
    }
    impl actix_web::ResponseError for LogsItsResponse {
        fn error_response(&self) -> HttpResponse {
            info!(self.0, "answered");
            assert!(!self.1, "no answer");
            HttpResponse::Unauthorized().finish()
        }
    }
    for (panics, outcome) in [(false, "completed"), (true, "panicked")] {
        let test = TestLog::new();
        let log = test.log().clone();
        let app = App::new()
            .route("/", web::get().to(HttpResponse::Ok))
            .wrap_fn(move |_, _| {
                let error = LogsItsResponse(log.clone(), panics);
                async { Err::<ServiceResponse, actix_web::Error>(error.into()) }
            })
            .wrap(transform(&test));
        let app = init_service(app).await;
        let request = TestRequest::get().uri("/").insert_header(("x-request-id", "7f3a")).to_request();
        let task = actix_web::rt::spawn(app.call(request));
        assert_eq!(task.await.is_err(), panics);
        test.assert_all_correlated("7f3a");
        canonical(&test);
        assert_logged!(test, message: "request finished", outcome = outcome);
    }
}

#[actix_web::test]
async fn a_path_without_a_route_has_no_route() {
    let test = TestLog::new();
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(HttpResponse::Ok))).await;
    let response = call_service(&app, TestRequest::get().uri("/secret").to_request()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(!canonical(&test).context.contains_key("route"));
}

#[actix_web::test]
async fn settings_are_those_of_the_other_integrations() {
    let test = TestLog::new();
    let requests =
        RequestLog::builder(test.log()).skip_path("/health").log_header("user-agent").start_event(Level::Info);
    let app = App::new()
        .wrap(RequestLogTransform::new(requests.build().unwrap()))
        .route("/", web::get().to(HttpResponse::Ok))
        .route("/health", web::get().to(HttpResponse::Ok));
    let app = init_service(app).await;
    call_service(&app, TestRequest::get().uri("/health").to_request()).await;
    assert_not_logged!(test);
    let request = TestRequest::get().uri("/").insert_header(("user-agent", "curl/8")).to_request();
    call_service(&app, request).await;
    assert_logged!(test, message: "request started", "header.user-agent" = "curl/8");
    assert_logged!(test, message: "request finished", "header.user-agent" = "curl/8");
}

#[actix_web::test]
async fn a_handler_that_is_dropped_is_a_client_that_disconnected() {
    let test = TestLog::new();
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(pending::<HttpResponse>))).await;
    let mut future = Box::pin(app.call(TestRequest::get().uri("/").to_request()));
    let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    drop(future);
    canonical(&test);
    assert_logged!(test, level: Info, status = 499, outcome = "client_disconnected");
}

#[actix_web::test]
async fn a_handler_that_panics_is_logged() {
    async fn panics() -> HttpResponse {
        panic!("out of orders")
    }
    let test = TestLog::new();
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(panics))).await;
    let task = actix_web::rt::spawn(app.call(TestRequest::get().uri("/").to_request()));
    assert!(task.await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");
}

/// A body of frames of the same bytes: `frames` of them, and then an error if `fails`.
struct Frames {
    frames: usize,
    fails: bool,
}

impl MessageBody for Frames {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Some(frames) = self.frames.checked_sub(1) else {
            return Poll::Ready(self.fails.then(|| Err("disk gone".into())));
        };
        self.frames = frames;
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'x'; 4096]))))
    }
}

#[actix_web::test]
async fn a_body_that_fails_is_logged_with_its_error() {
    let test = TestLog::new();
    let handler = || async { HttpResponse::Ok().body(Frames { frames: 1, fails: true }) };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert!(actix_web::body::to_bytes(response.into_body()).await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "body_failed", error = "disk gone", metrics.response_bytes = 4096);
}

#[actix_web::test]
async fn the_error_of_a_body_is_logged_with_its_sources() {
    struct Fails;
    impl MessageBody for Fails {
        type Error = Box<dyn std::error::Error>;
        fn size(&self) -> BodySize {
            BodySize::Stream
        }
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
            Poll::Ready(Some(Err(Box::new(NotRead(std::io::Error::other("disk gone"))))))
        }
    }
    #[derive(Debug)]
    struct NotRead(std::io::Error);
    impl std::fmt::Display for NotRead {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("report is not read")
        }
    }
    impl std::error::Error for NotRead {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let test = TestLog::new();
    let handler = || async { HttpResponse::Ok().body(Fails) };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert!(actix_web::body::to_bytes(response.into_body()).await.is_err());
    canonical(&test);
    assert_logged!(test, outcome = "body_failed", error = "report is not read: disk gone");
}

#[actix_web::test]
async fn the_stream_of_a_websocket_and_its_drop_have_the_id() {
    struct LogsAll(fapilog::Logger);
    impl MessageBody for LogsAll {
        type Error = std::convert::Infallible;
        fn size(&self) -> BodySize {
            BodySize::Stream
        }
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
            info!(self.0, "message received");
            Poll::Ready(None)
        }
    }
    impl Drop for LogsAll {
        fn drop(&mut self) {
            info!(self.0, "socket closed");
        }
    }
    let test = TestLog::new();
    let log = test.log().clone();
    let handler = move || {
        let body = LogsAll(log.clone());
        async { HttpResponse::SwitchingProtocols().body(body) }
    };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let request = TestRequest::get().uri("/").insert_header(("x-request-id", "7f3a")).to_request();
    let response = call_service(&app, request).await;
    assert_logged_times!(test, 1, message: "request finished", status = 101, outcome = "completed");
    call_body(response).await;
    test.assert_all_correlated("7f3a");
    assert_eq!(test.events().len(), 3);
}

/// Waits until the canonical event is logged, once.
async fn logged(test: &TestLog) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !test.events().iter().any(|event| event.message == "request finished") {
        assert!(Instant::now() < deadline, "the canonical event is not logged in time");
        actix_web::rt::time::sleep(Duration::from_millis(1)).await;
    }
    canonical(test);
}

/// Sends a request to a server over a real connection, and hands the connection to the test.
async fn over_a_connection(
    test: &TestLog,
    method: &str,
    frames: usize,
    client: impl FnOnce(TcpStream) + Send + 'static,
) {
    let transform = transform(test);
    let server = HttpServer::new(move || {
        let handler = move || async move { HttpResponse::Ok().body(Frames { frames, fails: false }) };
        App::new().wrap(transform.clone()).route("/", web::route().to(handler))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    let request = format!("{method} / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        client(stream);
    });
    logged(test).await;
    client.join().unwrap();
    handle.stop(false).await;
    running.await.unwrap().unwrap();
}

#[actix_web::test]
async fn a_response_that_is_read_to_its_end_is_completed() {
    let test = TestLog::new();
    over_a_connection(&test, "GET", 2, |mut stream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("x-request-id: "), "{text}");
    })
    .await;
    assert_logged!(test, level: Info, status = 200, outcome = "completed", metrics.response_bytes = 8192);
}

#[actix_web::test]
async fn a_client_that_disconnects_while_the_body_is_sent_is_logged_as_499() {
    let test = TestLog::new();
    over_a_connection(&test, "GET", usize::MAX, |mut stream| stream.read_exact(&mut [0; 1024]).unwrap()).await;
    assert_logged!(test, level: Info, status = 499, sent_status = 200, outcome = "client_disconnected");
}

#[actix_web::test]
async fn a_head_request_is_completed() {
    let test = TestLog::new();
    over_a_connection(&test, "HEAD", 2, |mut stream| assert!(stream.read(&mut [0; 1024]).unwrap() > 0)).await;
    assert_logged!(test, method = "HEAD", status = 200, outcome = "completed", metrics.response_bytes = 0);
}
