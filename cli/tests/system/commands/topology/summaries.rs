//! What sums up the logs of a running bridge: pictures, counts, and whether all of it holds.

use serde_json::json;

use super::{OK, Story, assert_answer, assert_fields, assert_time};
use crate::support::{lines, text};

#[test]
fn a_graph_is_drawn_in_every_format() {
    let story = Story::begin();
    let past = story.past();
    let nodes = [&story.anna, &story.carla, &story.towns.attic, &story.towns.tower];
    for (format, begin, end) in
        [("dot", "graph federation {", "}"), ("mermaid", "flowchart LR", ""), ("svg", "<svg", "</svg>")]
    {
        let picture = past.tell(&["graph", "--format", format]);
        assert!(picture.starts_with(begin) && picture.trim_end().ends_with(end), "{picture}");
        nodes.iter().for_each(|node| assert!(picture.contains(node.name()), "{}: {picture}", node.name()));
    }
    let then = ["graph", "--at-time", &story.moment];
    assert_eq!(past.tell(&then), past.tell(&[&then[..], &["--format", "dot"]].concat()));
    let graph = lines(&past.tell(&["graph", "--format", "json"])).remove(0);
    assert_fields(&graph, &["at", "nodes", "edges"]);
    for node in graph["nodes"].as_array().unwrap() {
        assert_fields(node, &["id", "name", "kind"]);
    }
    for node in nodes {
        let id = node.id();
        assert!(graph["nodes"].as_array().unwrap().iter().any(|it| it["id"] == id.as_str()), "{graph}");
    }
    let kinds: Vec<_> = graph["edges"].as_array().unwrap().iter().map(|edge| text(edge, "kind")).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "link").count(), 1, "{graph}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "home").count(), 2, "{graph}");
}

#[test]
fn statistics_count_what_the_log_holds() {
    let story = Story::begin();
    let past = story.past();
    let log = past.json(&["log", "--until", &story.moment]);
    let stats = past.json(&["stats", "--until", &story.moment]).remove(0);
    assert_fields(&stats, &["events", "by_kind", "by_bridge", "by_hour", "flapping", "outages"]);
    assert_eq!(stats["events"], log.len());
    for (counts, field) in [("by_kind", "kind"), ("by_bridge", "bridge")] {
        for count in stats[counts].as_array().unwrap() {
            assert_fields(count, &["key", "name", "count"]);
            let counted = log.iter().filter(|event| event[field] == count["key"]).count();
            assert_eq!(count["count"], counted, "{count}");
        }
    }
    let hours = stats["by_hour"].as_array().unwrap();
    let counted: u64 = hours.iter().map(|hour| hour["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, log.len() as u64);
    hours.iter().for_each(|hour| assert_time(&hour["key"]));
    assert_eq!(stats["outages"], json!([]));
    assert_answer(
        &past.ask(&["stats"]),
        OK,
        &["by kind", "bridge_started", "by bridge", "attic", "by hour", "no link that was up went down"],
    );
}

#[test]
fn logs_that_were_not_touched_verify() {
    let story = Story::begin();
    let past = story.past();
    let verified = past.json(&["verify"]);
    let (result, logs) = verified.split_last().unwrap();
    assert_fields(result, &["type", "good", "logs", "events", "signatures", "faults"]);
    assert_eq!(
        (&result["type"], &result["good"], &result["faults"]),
        (&json!("result"), &json!(true), &json!([]))
    );
    assert!(result["signatures"].as_u64().is_some_and(|count| count >= 2), "{result}");
    assert_eq!(result["logs"], 2);
    let mut good = 0;
    for log in logs {
        assert_fields(log, &["type", "bridge", "bridge_name", "epoch", "good", "last_good", "bad", "what"]);
        assert_time(&log["last_good"]);
        assert_eq!((&log["bad"], &log["what"]), (&json!(null), &json!("")), "{log}");
        good += log["good"].as_u64().unwrap();
    }
    assert_eq!(result["events"], good);
    assert_answer(&past.ask(&["verify"]), OK, &["attic", "tower", "good up to event", "signatures hold"]);
}
