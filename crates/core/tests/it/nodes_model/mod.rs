//! Random histories of one session's rooms on three nodes. Messages between the nodes are late, lost, duplicated and
//! out of order, and the nodes read a database while it changes. A watcher on every node checks the events it receives;
//! the same watchers must detect the variants that break one rule.

mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tagalong_core::event::SharingStatus;
use world::{Fault, NODES, Op, PEOPLE, Variant, World};

fn live(variant: Variant, ops: &[Op]) -> Result<(), Fault> {
    let mut world = World::new(variant);
    for op in ops {
        world.apply(op)?;
    }
    world.quiesce()
}

fn ops(length: usize) -> impl Strategy<Value = Vec<Op>> {
    let (person, node, on_wire) = (0..PEOPLE, 0..NODES, 0..6_usize);
    let status =
        prop_oneof![Just(SharingStatus::Sharing), Just(SharingStatus::Paused), Just(SharingStatus::Hidden)];
    let op = prop_oneof![
        3 => (person.clone(), node.clone()).prop_map(|(person, node)| Op::Join(person, node)),
        1 => (person.clone(), node.clone()).prop_map(|(person, node)| Op::Leave(person, node)),
        1 => node.clone().prop_map(Op::Update),
        1 => node.clone().prop_map(Op::Watch),
        1 => node.clone().prop_map(Op::Revoke),
        6 => node.clone().prop_map(Op::Tell),
        3 => node.clone().prop_map(Op::StartReading),
        3 => node.clone().prop_map(Op::ReadDatabase),
        3 => node.clone().prop_map(Op::FinishReading),
        8 => (person.clone(), node.clone()).prop_map(|(person, node)| Op::Publish(person, node)),
        2 => (person, node.clone(), status).prop_map(|(person, node, status)| Op::Say(person, node, status)),
        6 => node.clone().prop_map(Op::Flush),
        8 => on_wire.clone().prop_map(Op::Deliver),
        2 => on_wire.clone().prop_map(Op::DeliverTwice),
        2 => on_wire.prop_map(Op::Lose),
        1 => node.prop_map(Op::Restate),
        2 => (1..15_u64).prop_map(Op::Advance),
    ];
    proptest::collection::vec(op, 1..length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nodes_converge_and_watchers_receive_no_false_event(ops in ops(300)) {
        prop_assert_eq!(live(Variant::Real, &ops), Ok(()));
    }
}

/// The faults that a variant shows in a fixed number of random histories.
fn caught(variant: Variant) -> Vec<Fault> {
    let mut runner = TestRunner::deterministic();
    let lives = (0..300).map(|_| ops(300).new_tree(&mut runner).unwrap().current());
    lives.filter_map(|ops| live(variant, &ops).err()).collect()
}

#[test]
fn broken_changes_during_a_database_read_are_lost() {
    assert!(caught(Variant::ForgetsMeanwhile).contains(&Fault::FalseLeave));
}

#[test]
fn broken_the_last_to_arrive_wins() {
    assert!(caught(Variant::TrustsArrival).contains(&Fault::Backwards));
}

#[test]
fn broken_a_positions_life_begins_again_on_each_node() {
    assert!(caught(Variant::LivesAnew).contains(&Fault::Expired));
}
