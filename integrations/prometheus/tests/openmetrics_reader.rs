//! The reader of the other tests finds what is wrong in a text.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "support/openmetrics.rs"]
mod openmetrics;

use openmetrics::read;

#[test]
fn the_reader_reads_what_the_specification_has_as_examples() {
    let text = "# TYPE acme_http_router_request_seconds histogram\n\
        # UNIT acme_http_router_request_seconds seconds\n\
        # HELP acme_http_router_request_seconds Latency though all of ACME's \\\"HTTP\\\" request router.\n\
        acme_http_router_request_seconds_bucket{path=\"/api/v1\",le=\"1e-05\"} 1\n\
        acme_http_router_request_seconds_bucket{path=\"/api/v1\",le=\"1.0\"} 2\n\
        acme_http_router_request_seconds_bucket{path=\"/api/v1\",le=\"+Inf\"} 3\n\
        acme_http_router_request_seconds_count{path=\"/api/v1\"} 3\n\
        acme_http_router_request_seconds_sum{path=\"/api/v1\"} 9036.32\n\
        # TYPE foo stateset\n# HELP foo .\nfoo{foo=\"a\"} 1\nfoo{foo=\"b\"} 0\n\
        # TYPE build info\n# HELP build .\nbuild_info{version=\"8.2.7\\\\ \\\"x\\\"\\n\"} 1\n# EOF\n";
    let families = read(text).unwrap();
    assert_eq!(families.len(), 3);
    assert_eq!(families[2].samples[0].labels["version"], "8.2.7\\ \"x\"\n");
}

#[test]
fn the_reader_refuses_each_text_that_is_wrong() {
    let counter = |samples: &str| format!("# TYPE a counter\n# HELP a .\n{samples}# EOF\n");
    let histogram = |samples: &str| {
        format!("# TYPE a_seconds histogram\n# HELP a_seconds .\n# UNIT a_seconds seconds\n{samples}# EOF\n")
    };
    let texts = [
        ("a_total 1\n".to_owned(), "does not end"),
        ("# EOF".to_owned(), "does not end"),
        (counter("a_total 1\n\n"), "neither labels"),
        (counter("a 1\n"), "does not have"),
        (counter("a_total  1\n"), "no number"),
        (counter("a_total 1 \n"), "no number"),
        (counter("a_total -1\n"), "does not have"),
        (counter("a_total one\n"), "no number"),
        (counter("a_total 1\na_total 1\n"), "twice"),
        (counter("b_total 1\n"), "none of its family"),
        (counter("a_total{x=\"1\",x=\"2\"} 1\n"), "twice"),
        (counter("a_total{x=\"\\t\"} 1\n"), "escape"),
        (counter("a_total{x=\"1\" 1\n"), "without an end"),
        (counter("a_total{1x=\"1\"} 1\n"), "no label"),
        (counter("a_total{__x=\"1\"} 1\n"), "no label"),
        (counter("a_total{x=\"1\"}1\n"), "no space"),
        (counter("a_total 1\n# TYPE b gauge\n# HELP b .\n# TYPE a counter\n"), "twice"),
        (counter("a_total 1\n# HELP a .\n"), "behind a sample"),
        (counter("# HELP a .\n"), "twice"),
        (counter("# TYPE a_total gauge\n# HELP a_total .\n"), "two families"),
        (counter("# a comment\n"), "three words"),
        ("# TYPE a counter\na_total 1\n# EOF\n".to_owned(), "no help"),
        ("# HELP a .\na 1\n# EOF\n".to_owned(), "without a type"),
        ("# TYPE a gauge\n# HELP a .\n# UNIT a bytes\n# EOF\n".to_owned(), "unit"),
        ("# TYPE a stateset\n# HELP a .\na{b=\"x\"} 1\n# EOF\n".to_owned(), "does not have"),
        ("# TYPE a info\n# HELP a .\na_info 0\n# EOF\n".to_owned(), "does not have"),
        ("# TYPE a_total gauge\n# HELP a_total .\n# EOF\n".to_owned(), "for samples"),
        (histogram("a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_count 2\na_seconds_sum 1\n"), "last bucket"),
        (
            histogram(
                "a_seconds_bucket{le=\"1\"} 1\na_seconds_bucket{le=\"+Inf\"} 1\na_seconds_count 1\na_seconds_sum 1\n",
            ),
            "canonical",
        ),
        (
            histogram(
                "a_seconds_bucket{le=\"1.0\"} 2\na_seconds_bucket{le=\"+Inf\"} 1\na_seconds_count 1\na_seconds_sum 1\n",
            ),
            "below",
        ),
        (histogram("a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 1\n"), "no count"),
        (histogram("a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_count 1\na_seconds_sum 0\n"), "a sum"),
    ];
    for (text, expected) in texts {
        let error = read(&text).expect_err(&text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}
