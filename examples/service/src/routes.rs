//! The routes of the shop.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use fapilog::info;
use fapilog_tower::{
    PanicLayer, RequestLog, RequestLogLayer,
    axum::{Failure, Operations, RequestLogger},
};

use crate::{legacy, logging::ShopLog, pricing, receipts, warehouse::Warehouse};

/// The router: an order route, and `/health` and `/metrics`.
pub fn shop(log: &ShopLog, warehouse: Warehouse) -> Router {
    let web = log.logger("web");
    let exporter = log.exporter().clone();
    let operations = Operations::new(log.container())
        .metrics_text("text/plain; version=0.0.4; charset=utf-8", move |_| exporter.render(None).into_body());
    Router::new()
        .route("/orders/{id}", post(order))
        .with_state(warehouse)
        .layer(PanicLayer::new(&web))
        .layer(RequestLogLayer::new(RequestLog::new(&web)))
        .merge(operations.into_router())
}

async fn order(
    State(warehouse): State<Warehouse>,
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
    warehouse.pack(order_id);
    receipts::send_later(log, order_id);
    Ok(format!("{cents}\n"))
}
