//! OTLP by gRPC.

mod answers;
mod delivery;
mod fake;
mod rotel;

use fapilog_otlp::{OtlpProtocol, OtlpSettings};

use super::settings_for;

fn grpc_settings(url: String) -> OtlpSettings {
    let mut settings = settings_for(url);
    settings.protocol = Some(OtlpProtocol::Grpc);
    settings
}
