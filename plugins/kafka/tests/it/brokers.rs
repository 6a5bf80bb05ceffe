//! x
#[test]
fn debug() {
    use rdkafka::consumer::Consumer;
    let Some(server) = fapilog_test_servers::servers::Tansu::start() else { return };
    let logs = crate::start(&crate::tansu::settings_for(&server));
    for number in 0..300_u64 { if number % 50 == 0 { logs.flush(crate::TIMEOUT).unwrap(); }
        fapilog::info!(logs.logger("orders"), "order filled\r\n$1", number = number);
    }
    dbg!(crate::shut_down(&logs));
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", server.broker().to_string()).set("group.id", "reader").set("enable.auto.commit", "false");
    let consumer: rdkafka::consumer::BaseConsumer = config.create().unwrap();
    let md = consumer.fetch_metadata(Some("fapilog"), crate::TIMEOUT).unwrap();
    for p in md.topics()[0].partitions() {
        dbg!(p.id(), consumer.fetch_watermarks("fapilog", p.id(), crate::TIMEOUT));
        let mut assignment = rdkafka::TopicPartitionList::new();
        assignment.add_partition_offset("fapilog", p.id(), rdkafka::Offset::Offset(0)).unwrap();
        consumer.assign(&assignment).unwrap();
        for _ in 0..400 {
            match consumer.poll(std::time::Duration::from_secs(1)) { None => { println!("none"); break } Some(Ok(m)) => println!("{}", rdkafka::Message::offset(&m)), Some(Err(e)) => println!("{e}") }
        }
    }
    dbg!(logs.accounts());
    println!("{}", server.server.log());
}
