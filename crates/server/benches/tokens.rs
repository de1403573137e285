//! What a token costs: made at every join, checked at every connection.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tagalong::tokens::Tokens;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::time::Timestamp;

fn tokens(c: &mut Criterion) {
    let tokens = Tokens::new(&[7; 32], &[]).unwrap();
    let (now, ends_at) = (Timestamp::from_millis(1_000), Timestamp::from_millis(3_600_000));
    let claims = Claims {
        session: SessionId::from_random([1; 16]),
        user: UserId::from_random([2; 16]),
        role: Role::Participant,
    };
    let token = tokens.issue(&claims, now, ends_at).unwrap();
    c.bench_function("tokens/issue", |b| b.iter(|| tokens.issue(black_box(&claims), now, ends_at)));
    c.bench_function("tokens/verify", |b| b.iter(|| tokens.verify(black_box(&token))));
    c.bench_function("tokens/refuse", |b| b.iter(|| tokens.verify(black_box(&token[..token.len() - 2]))));
}

criterion_group!(benches, tokens);
criterion_main!(benches);
