//! The same load on one node, on two, and so on, with a Redis between them: what a delivery from one to another
//! takes, and what each node more costs.

use serde::Serialize;

use super::{Stage, save, spread};
use crate::Failure;
use crate::account::Fates;
use crate::cluster::{Cluster, Way};
use crate::options::Options;
use crate::process::{self, usage};
use crate::report::{Percentiles, Window, per};

#[derive(Serialize)]
struct Row {
    nodes: usize,
    window: Window,
    /// Between people on one node, and on two. From before the window on: since they came in.
    on_one_node: Fates,
    between_nodes: Fates,
    /// From sent to come, on one node and between two.
    latency: [Percentiles; 2],
    redis_cores: f64,
}

pub(super) fn play(options: &Options, most: usize) -> Result<bool, Failure> {
    let program = options.target.server.as_deref().ok_or("say --server PATH")?;
    let pinned = !options.target.no_pin && process::cpus() > 1;
    let mut rows = Vec::new();
    for nodes in 1..=most {
        let cluster = Cluster::start(program, nodes, Way::Direct, pinned)?;
        rows.push(measure(options, &cluster)?);
    }
    print(&rows);
    save(options, &rows)?;
    Ok(rows.iter().all(|row| {
        let Window { counts, .. } = row.window;
        counts.missing + counts.duplicated + counts.reordered == 0
            && row.on_one_node.lost + row.between_nodes.lost == 0
    }))
}

fn measure(options: &Options, cluster: &Cluster) -> Result<Row, Failure> {
    let addresses = cluster.addresses();
    let nodes = addresses.len();
    let crowd = spread::crowd(options, &addresses, |who| who as usize % nodes)?;
    let mut stage = Stage::around(options, "nodes", crowd, cluster.pids());
    stage.arrive("arrival")?;
    let before = usage(cluster.redis_pid());
    let began = stage.crowd.watch.micros();
    let (interval, length) = (options.group.interval(2_000), options.group.window(10));
    let window = stage.window("nodes", interval, length).clone();
    let spent = stage.crowd.watch.micros() - began;
    let redis = before.zip(usage(cluster.redis_pid()));
    let redis = redis.map_or(0.0, |(before, after)| (after.cpu - before.cpu).as_secs_f64() * 1e6);
    let mut account = stage.crowd.account.take().ok_or("no account")?;
    account.close();
    Ok(Row {
        nodes,
        window,
        on_one_node: account.on_one_node,
        between_nodes: account.between_nodes,
        latency: account.latency.each_ref().map(Percentiles::of),
        redis_cores: per(redis, spent),
    })
}

fn print(rows: &[Row]) {
    println!(
        "{:>5} {:>11} {:>8} {:>10} {:>9} {:>9} {:>13} {:>13} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "nodes",
        "delivered/s",
        "missing",
        "superseded",
        "p50 near",
        "p99 near",
        "p50 between",
        "p99 between",
        "cores",
        "us each",
        "x CPU",
        "Redis",
        "RSS MiB",
    );
    let us = |row: &Row| row.window.server.map_or(0.0, |cost| cost.us_per_delivery);
    for row in rows {
        let (counts, server) = (row.window.counts, row.window.server.unwrap_or_default());
        println!(
            "{:>5} {:>11.0} {:>8} {:>10} {:>9.2} {:>9.2} {:>13.2} {:>13.2} {:>8.3} {:>8.2} {:>8.2} {:>9.3} {:>9.1}{}",
            row.nodes,
            row.window.deliveries_per_second,
            counts.missing,
            counts.superseded,
            row.latency[0].p50,
            row.latency[0].p99,
            row.latency[1].p50,
            row.latency[1].p99,
            server.cores,
            us(row),
            us(row) / us(&rows[0]).max(0.001),
            row.redis_cores,
            server.rss as f64 / 1_048_576.0,
            if row.window.generator_bound { "  (generator at its limit)" } else { "" },
        );
    }
}
