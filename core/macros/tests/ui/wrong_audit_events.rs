//! Each error is reported at the tokens that it is about. The facade's macro hands its tokens on like this.

macro_rules! audit {
    ($($call:tt)*) => { fapilog_macros::log_call!([$crate] [const Audit] $($call)*) };
}

fn main() {
    audit!(log, "");
    audit!(log, "m", outcome = "sucess");
    audit!(log, "m", outcome = false);
    audit!(log, "m", otcome = "success");
    audit!(log, "m", objct = %order.id, outcome = "success");
    audit!(log, "m", orgin);
    audit!(log, "m", who = "");
    audit!(log, "m", who = ~user);
}
