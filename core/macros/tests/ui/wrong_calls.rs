//! Each error is reported at the tokens that it is about. The facade's macros hand their tokens on like these.

macro_rules! info {
    ($($call:tt)*) => { fapilog_macros::log_call!([$crate] [const Info] $($call)*) };
}

macro_rules! scope {
    ($($fields:tt)*) => { fapilog_macros::scope!([$crate] $($fields)*) };
}

fn main() {
    info!();
    info!(log);
    info!(log, user = 7, "filled");
    info!(user = 7, "filled");
    info!(log, 42);
    info!(log, #err);
    info!(log, "order {}", user);
    info!(log, "order {0}", user);
    info!(log, "took {user:>8}");
    info!(log, "took {user");
    info!(log, "m", user.name = "ada");
    info!(log, "m", parent: user);
    info!(log, "m", severity: 11);
    info!(log, "m", user, user = 2);
    info!(log, "m", user =);
    info!(log, "m", user == 7);
    info!(log, "m", %user.name);
    info!(log, "m", &user);
    info!(log, "m",, user);
    info!(log, "order {}", order.id);
    info!(log, %address, "connected");
    info!(log, #err, "failed");
    info!(log "m");
    info!(log, "{order.id}");
    info!(log, "m", self.id);
    info!(log, "{x} .. {x:?}");
    info!(log, ~password);
    info!(log, "m", password = ~%password);
    scope!(severity: 3);
    scope!(corelation_id: id);
    scope!();
}
