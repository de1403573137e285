//! Random histories of a room, checked by its readers. The real room keeps the five conditions of its documentation,
//! and the same readers detect each variant that breaks one, which proves that they can.

mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tagalong_core::event::SharingStatus;
use tagalong_core::limits::CONTROL_QUEUE_MAX;
use world::{CONNECTIONS, Fault, Op, PEOPLE, Variant, World};

fn live(variant: Variant, ops: &[Op]) -> Result<(), Fault> {
    let mut world = World::new(variant);
    for op in ops {
        world.apply(op)?;
    }
    world.quiesce()
}

fn ops(length: usize) -> impl Strategy<Value = Vec<Op>> {
    let (person, at) = (0..PEOPLE, 0..CONNECTIONS);
    let status =
        prop_oneof![Just(SharingStatus::Sharing), Just(SharingStatus::Paused), Just(SharingStatus::Hidden)];
    let op = prop_oneof![
        3 => person.clone().prop_map(Op::Join),
        2 => person.clone().prop_map(Op::Leave),
        3 => (at.clone(), person).prop_map(|(at, person)| Op::Enter(at, Some(person))),
        1 => at.clone().prop_map(|at| Op::Enter(at, None)),
        1 => at.clone().prop_map(Op::Unsubscribe),
        8 => at.clone().prop_map(Op::Publish),
        1 => at.clone().prop_map(Op::Pause),
        3 => (at.clone(), status).prop_map(|(at, status)| Op::Say(at, status)),
        1 => Just(Op::Update),
        6 => at.clone().prop_map(Op::Take),
        2 => at.clone().prop_map(Op::TakeControl),
        1 => at.prop_map(Op::Stall),
        1 => (1..20_u64).prop_map(Op::Advance),
    ];
    proptest::collection::vec(op, 1..length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_room_keeps_its_five_conditions(ops in ops(300)) {
        prop_assert_eq!(live(Variant::Real, &ops), Ok(()));
    }
}

/// A second pause, after the position that followed the first has expired, changes nothing that anybody sees.
#[test]
fn an_expired_position_needs_no_withdrawal() {
    let ops = [
        Op::Join(4),
        Op::Enter(6, Some(4)),
        Op::Pause(6),
        Op::Publish(6),
        Op::Advance(13),
        Op::Enter(0, None),
        Op::Advance(17),
        Op::Say(6, SharingStatus::Paused),
    ];
    assert_eq!(live(Variant::Real, &ops), Ok(()));
}

/// The faults that a variant shows in a fixed number of random histories.
fn caught(variant: Variant, length: usize) -> Vec<Fault> {
    let mut runner = TestRunner::deterministic();
    let lives = (0..300).map(|_| ops(length).new_tree(&mut runner).unwrap().current());
    lives.filter_map(|ops| live(variant, &ops).err()).collect()
}

#[test]
fn condition_1_broken_positions_before_control_are_caught() {
    assert!(caught(Variant::PositionsFirst, 300).contains(&Fault::Ghost));
}

#[test]
fn condition_1_broken_two_critical_sections_are_caught() {
    assert!(caught(Variant::TwoSections, 300).contains(&Fault::Ghost));
}

#[test]
fn condition_2_broken_a_pace_for_control_is_caught() {
    assert!(caught(Variant::PacedControl, 300).contains(&Fault::Membership));
}

/// A watcher reads nothing while one participant comes and goes and another, with two devices, changes their status, so
/// often that a queue of these events would overflow. Then it reads again.
fn stalled_life(variant: Variant) -> Result<World, Fault> {
    let mut world = World::new(variant);
    world.apply(&Op::Enter(0, None))?;
    world.apply(&Op::Take(0))?;
    world.apply(&Op::Stall(0))?;
    world.apply(&Op::Join(2))?;
    world.apply(&Op::Enter(1, Some(2)))?;
    world.apply(&Op::Enter(2, Some(2)))?;
    for _ in 0..=CONTROL_QUEUE_MAX {
        world.apply(&Op::Join(1))?;
        world.apply(&Op::Say(1, SharingStatus::Hidden))?;
        world.apply(&Op::Say(2, SharingStatus::NoGps))?;
        world.apply(&Op::Leave(1))?;
        world.apply(&Op::Update)?;
    }
    world.quiesce()?;
    Ok(world)
}

#[test]
fn condition_3_nothing_that_others_do_queues_for_a_slow_reader() {
    let world = stalled_life(Variant::Real).map_err(|fault| format!("{fault:?}")).unwrap();
    let connection = world.connections[0].as_ref().unwrap();
    assert!(!connection.over && connection.present.len() == 1);
}

#[test]
fn condition_3_broken_keeping_every_event_is_caught() {
    assert_eq!(stalled_life(Variant::QueuesEvents).err(), Some(Fault::Unbounded));
}

#[test]
fn broken_the_newest_status_alone_leaves_a_withdrawn_position_shown() {
    assert!(caught(Variant::NewestStatusAlone, 300).contains(&Fault::Withdrawn));
}

#[test]
fn condition_3_broken_taking_for_a_stalled_reader_is_caught() {
    assert_eq!(stalled_life(Variant::TakesWhileStalled).err(), Some(Fault::Unbounded));
}

#[test]
fn condition_4_broken_two_devices_on_one_subscription_are_caught() {
    assert!(caught(Variant::SharedSubscription, 300).contains(&Fault::NotNewest));
}

#[test]
fn condition_5_broken_positions_resolved_when_published_are_caught() {
    let caught = caught(Variant::ResolvedWhenPublished, 300);
    assert!(caught.contains(&Fault::Ghost) && caught.contains(&Fault::Expired));
}
