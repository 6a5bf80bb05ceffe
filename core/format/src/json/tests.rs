//! Every line is strict JSON, whatever the record.

use fapilog_plugin::{event::Batch, formatter::Formatter, testing::TestBatches};
use fapilog_record::arguments::{Arg, End};
use proptest::prelude::*;
use serde_json::Value;

use crate::json::Json;

fn line(formatter: &mut Json, batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    formatter.format(batch, &mut out).unwrap();
    out
}

fn is_one_object(line: &[u8]) -> bool {
    let is_line = line.iter().position(|&byte| byte == b'\n') == Some(line.len() - 1);
    is_line && serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object())
}

/// Bytes as a broken record may have them: small numbers, so that spans point somewhere now and then, behind a head that
/// claims a short scope.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![6 => 0_u8..20, 1 => any::<u8>()];
    (prop::collection::vec(small, 0..120), 0_u8..9).prop_map(|(body, scope)| {
        let head = [0, 0, 0, 0, 0, 0, scope, 0];
        head.into_iter().chain(body).collect()
    })
}

type Typed<'a> = (
    Arg<'a, Option<&'a str>>,
    (Arg<'a, [Vec<u8>]>, (Arg<'a, f32>, (Arg<'a, std::time::SystemTime>, (Arg<'a, std::net::IpAddr>, End)))),
);

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_that_describes_itself_is_a_line_of_json_whatever_it_holds(mut bytes in broken()) {
        // A level, or there is no event.
        if let Some(level) = bytes.get_mut(8) {
            *level = 1 + *level % 8;
        }
        let ok = TestBatches::new().record::<End, _>(&bytes, |batch| is_one_object(&line(&mut Json::new(), batch)));
        prop_assert!(ok != Some(false));
    }

    #[test]
    fn a_typed_record_is_a_line_of_json_whatever_it_holds(bytes in broken()) {
        let ok = TestBatches::new().record::<Typed<'_>, _>(&bytes, |batch| is_one_object(&line(&mut Json::new(), batch)));
        prop_assert!(ok != Some(false));
    }
}
