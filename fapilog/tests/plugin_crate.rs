//! A container runs plugins from a crate that depends on the facade alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::num::NonZeroU64;

use example_plugin::{ChannelSink, HostName, MaskedKeys, OneIn, TabSeparated};
use fapilog::{
    Container, container::ContainerBuilder, info, metrics::PluginState, plugin::PluginKind, sink::SinkOptions, warn,
};

fn with_all_plugins(builder: ContainerBuilder) -> ContainerBuilder {
    builder
        .enricher(|_| Box::new(HostName::new("web-1")))
        .processor(|_| Box::new(OneIn::new(NonZeroU64::new(10).unwrap())))
        .redactor(|_| Box::new(MaskedKeys::new(["password"])))
}

#[test]
fn plugins_of_every_kind_from_another_crate_work_together_on_every_executor() {
    for executor in law::executors() {
        let (sink, receiver) = ChannelSink::new(64, TabSeparated::new);
        let builder = with_all_plugins(Container::builder().executor(executor)).sink("channel", sink);
        let container = builder.start().unwrap();
        let log = container.logger("login");
        (0..100).for_each(|attempt| info!(log, "attempted", attempt));
        warn!(log, "refused", password = "swordfish");
        let accounts = law::shut_down(&container);
        assert_eq!(accounts.filtered_total(), 90);
        assert_eq!(
            kinds(&container),
            [PluginKind::Enricher, PluginKind::Processor, PluginKind::Redactor, PluginKind::Sink]
        );
        drop(container);

        let records = String::from_utf8(receiver.iter().flatten().collect()).unwrap();
        let lines: Vec<&str> = records.lines().collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], "INFO\tlogin\tattempted\tattempt=0\thost=web-1");
        assert_eq!(lines[10], "WARNING\tlogin\trefused\tpassword=<masked>\thost=web-1");
    }
}

fn kinds(container: &Container) -> Vec<PluginKind> {
    let plugins = container.metrics().plugins;
    assert!(plugins.iter().all(|plugin| plugin.state == PluginState::Active && plugin.errors + plugin.panics == 0));
    plugins.iter().map(|plugin| plugin.kind).collect()
}

#[test]
fn plugins_from_another_crate_can_be_added_to_a_running_container() {
    let (container, _events) = law::started();
    let (sink, receiver) = ChannelSink::new(64, TabSeparated::new);
    container.add_enricher("host", |_| Ok(Box::new(HostName::new("web-1")))).unwrap();
    container.add_sink("channel", sink, SinkOptions::new()).unwrap();
    info!(container.logger("login"), "attempted");
    law::shut_down(&container);
    drop(container);
    let records: Vec<u8> = receiver.iter().flatten().collect();
    assert_eq!(records, b"INFO\tlogin\tattempted\thost=web-1\n");
}
