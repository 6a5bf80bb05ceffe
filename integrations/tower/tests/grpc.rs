//! gRPC by tonic, server and client, over a real connection. The messages are bytes, by a codec of the test's: no protoc.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, Bytes};
use fapilog::{assert_logged, assert_logged_times, info, testing::TestLog};
use fapilog_tower::{RequestBody, RequestLog, RequestLogLayer, grpc_route};
use http::uri::PathAndQuery;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::StreamExt;
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::service_fn;

/// Messages that are bytes.
#[derive(Debug, Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let bytes = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(bytes)))
    }
}

/// The server's side: what generated code does, for three methods.
async fn serve<B>(log: fapilog::Logger, request: http::Request<B>) -> Result<http::Response<Body>, Infallible>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Send + 'static,
{
    let mut grpc = Grpc::new(BytesCodec);
    let method = request.uri().path().to_owned();
    Ok(match method.as_str() {
        "/shop.Orders/Get" => {
            let get = service_fn(move |request: Request<Bytes>| {
                info!(log, "got an order");
                async move { Ok::<_, Status>(Response::new(request.into_inner())) }
            });
            grpc.unary(get, request).await
        }
        "/shop.Orders/Fail" => {
            let fail =
                service_fn(|_: Request<Bytes>| async { Err::<Response<Bytes>, _>(Status::not_found("no such order")) });
            grpc.unary(fail, request).await
        }
        "/shop.Orders/List" => {
            let list = service_fn(|_: Request<Bytes>| async {
                let items = ["a", "bc"].map(|item| Ok(Bytes::from_static(item.as_bytes())));
                let end = [Err(Status::internal("the third is broken"))];
                Ok::<_, Status>(Response::new(tokio_stream::iter(items.into_iter().chain(end))))
            });
            grpc.server_streaming(list, request).await
        }
        "/shop.Orders/Watch" => {
            let watch = service_fn(|_: Request<Bytes>| async {
                let first = tokio_stream::iter([Ok(Bytes::from_static(b"first"))]);
                Ok::<_, Status>(Response::new(first.chain(tokio_stream::pending())))
            });
            grpc.server_streaming(watch, request).await
        }
        _ => Status::unimplemented("").into_http(),
    })
}

struct Running {
    channel: Channel,
    server: JoinHandle<()>,
}

impl Running {
    async fn start(test: &TestLog) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let layer = RequestLogLayer::new(RequestLog::new(test.log())).route(grpc_route);
        let log = test.log().clone();
        let service = service_fn(move |request: http::Request<RequestBody<Body>>| serve(log.clone(), request));
        let incoming = TcpIncoming::from(listener);
        let server = tokio::spawn(async {
            Server::builder().layer(layer).serve_with_incoming(service, incoming).await.unwrap()
        });
        Self { channel: endpoint.connect().await.unwrap(), server }
    }

    async fn unary(&self, path: &'static str) -> Result<Response<Bytes>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let mut request = Request::new(Bytes::from_static(b"order 42"));
        request.metadata_mut().insert("x-request-id", "7f3a".parse().unwrap());
        client.unary(request, PathAndQuery::from_static(path), BytesCodec).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Waits until the canonical event is logged: the client may have the trailers before the server logs them.
async fn canonical(test: &TestLog) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !test.events().iter().any(|event| event.message == "request finished") {
        assert!(Instant::now() < deadline, "the canonical event is not logged in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_logged_times!(test, 1, message: "request finished");
}

#[tokio::test]
async fn a_unary_call_that_succeeds_is_logged_with_its_method_and_status() {
    let test = TestLog::new();
    let running = Running::start(&test).await;
    let response = running.unary("/shop.Orders/Get").await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "7f3a");
    assert_eq!(response.into_inner(), "order 42");
    canonical(&test).await;
    // A message has five bytes of framing.
    assert_logged!(test, level: Info, correlation_id: "7f3a", method = "POST", route = "/shop.Orders/Get", protocol = "HTTP/2",
        status = 200, grpc_status = "OK", outcome = "completed", metrics.request_bytes = 13, metrics.response_bytes = 13);
    assert_logged!(test, message: "got an order", correlation_id: "7f3a");
}

#[tokio::test]
async fn a_unary_call_that_fails_has_its_status_from_the_headers() {
    let test = TestLog::new();
    let running = Running::start(&test).await;
    assert_eq!(running.unary("/shop.Orders/Fail").await.unwrap_err().code(), Code::NotFound);
    canonical(&test).await;
    assert_logged!(test, level: Info, status = 200, grpc_status = "NOT_FOUND", outcome = "completed");
}

#[tokio::test]
async fn a_method_that_the_server_does_not_have_is_an_error_of_the_server() {
    let test = TestLog::new();
    let running = Running::start(&test).await;
    assert_eq!(running.unary("/shop.Orders/None").await.unwrap_err().code(), Code::Unimplemented);
    canonical(&test).await;
    assert_logged!(test, level: Error, grpc_status = "UNIMPLEMENTED");
}

#[tokio::test]
async fn a_stream_has_its_status_from_the_trailers_at_its_end() {
    let test = TestLog::new();
    let running = Running::start(&test).await;
    let mut client = tonic::client::Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/shop.Orders/List");
    let stream = client.server_streaming(Request::new(Bytes::new()), path, BytesCodec).await.unwrap().into_inner();
    let items: Vec<_> = stream.collect().await;
    assert_eq!((items[0].as_ref().unwrap(), items[1].as_ref().unwrap()), (&Bytes::from("a"), &Bytes::from("bc")));
    assert_eq!(items[2].as_ref().unwrap_err().code(), Code::Internal);
    canonical(&test).await;
    assert_logged!(test, level: Error, route = "/shop.Orders/List", status = 200, grpc_status = "INTERNAL",
        outcome = "completed", metrics.response_bytes = 13);
}

#[tokio::test]
async fn a_client_that_resets_its_stream_is_logged_as_499() {
    let test = TestLog::new();
    let running = Running::start(&test).await;
    let mut client = tonic::client::Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/shop.Orders/Watch");
    let mut stream = client.server_streaming(Request::new(Bytes::new()), path, BytesCodec).await.unwrap().into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap(), "first");
    drop(stream);
    canonical(&test).await;
    // The connection goes on.
    assert_logged!(
        test,
        route = "/shop.Orders/Watch",
        protocol = "HTTP/2",
        status = 499,
        sent_status = 200,
        outcome = "client_disconnected",
        metrics.response_bytes = 10
    );
    test.clear();
    running.unary("/shop.Orders/Get").await.unwrap();
    canonical(&test).await;
    assert_logged!(test, outcome = "completed");
}

/// The service as tonic's router takes it.
#[derive(Clone)]
struct Orders(fapilog::Logger);

impl tonic::server::NamedService for Orders {
    const NAME: &'static str = "shop.Orders";
}

impl tower::Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(serve(self.0.clone(), request))
    }
}

#[tokio::test]
async fn the_layer_lies_around_tonics_router_as_around_a_service() {
    let test = TestLog::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let layer = RequestLogLayer::new(RequestLog::new(test.log())).route(grpc_route);
    let router = Server::builder().layer(layer).add_service(Orders(test.log().clone()));
    let server = tokio::spawn(async { router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    let running = Running { channel: endpoint.connect().await.unwrap(), server };
    assert_eq!(running.unary("/shop.Orders/Get").await.unwrap().into_inner(), "order 42");
    canonical(&test).await;
    assert_logged!(test, route = "/shop.Orders/Get", grpc_status = "OK", metrics.request_bytes = 13);
    assert_logged!(test, message: "got an order", correlation_id: "7f3a");
}
