//! The routes of the shop.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get, post},
};
use fapilog::info;
use fapilog_tower::{
    PanicLayer, RequestLog, RequestLogLayer,
    axum::{Failure, MetricsText, Operations, RequestLogger},
};

use crate::{customers, legacy, logging::ShopLog, pricing, receipts::Receipts, warehouse::Warehouse};

/// The places that an order goes to behind its handler.
#[derive(Debug, Clone)]
pub struct BackOffice {
    /// The thread that packs.
    pub warehouse: Warehouse,
    /// The tasks that send receipts.
    pub receipts: Receipts,
}

/// The router: orders, customers, and `/health` and `/metrics`.
pub fn shop(log: &ShopLog, office: BackOffice) -> Router {
    let web = log.logger("web");
    let exporter = log.exporter().clone();
    let metrics = move |accept: Option<&str>| {
        let text = exporter.render(accept);
        MetricsText::new(text.content_type(), text.into_body())
    };
    let operations = Operations::new(log.container()).metrics_text(metrics);
    Router::new()
        .route("/orders/{id}", post(order))
        .route("/orders/{id}/payment", get(customers::payment))
        .route("/customers/{id}", delete(customers::erase))
        .route("/sessions", post(customers::log_in))
        .with_state(office)
        .layer(PanicLayer::new(&web).locations())
        .layer(RequestLogLayer::new(RequestLog::new(&web)))
        .merge(operations.into_router())
}

async fn order(
    State(office): State<BackOffice>,
    RequestLogger(log): RequestLogger,
    Path(order_id): Path<u64>,
    coupon: String,
) -> Result<String, Failure> {
    info!(log, "order accepted", order_id);
    if order_id == 0 {
        return Err(Failure::new(StatusCode::NOT_FOUND, "there is no order 0"));
    }
    let discount_percent = legacy::discount_percent(&coupon);
    let cents = pricing::price_cents(order_id, discount_percent).await;
    office.warehouse.pack(order_id);
    office.receipts.send_later(log, order_id);
    Ok(format!("{cents}\n"))
}
