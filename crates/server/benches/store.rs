//! What the embedded database costs: a session made, and somebody let in.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::DisplayName;
use tagalong_core::time::Timestamp;
use tagalong_store::{Database, NewParticipant, NewSession, Store};

static MADE: AtomicU64 = AtomicU64::new(1);

fn unique() -> [u8; 16] {
    u128::from(MADE.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

fn session() -> NewSession {
    NewSession {
        id: SessionId::from_random(unique()),
        name: None,
        creator_id: UserId::from_random(unique()),
        created_at: Timestamp::from_millis(0),
        location_ttl: std::time::Duration::from_secs(30),
        expires_at: Timestamp::from_millis(3_600_000),
    }
}

async fn make(store: &Store) -> SessionId {
    let new = session();
    store.create_session(&new).await.unwrap();
    new.id
}

async fn join(store: &Store, id: SessionId) {
    let user_id = UserId::from_random(unique());
    let display_name = DisplayName::parse(user_id.as_str()).unwrap();
    let new = NewParticipant { user_id, display_name, avatar_color: None };
    store.join(id, new, 50, Timestamp::from_millis(1)).await.unwrap();
}

fn store(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    let store = runtime
        .block_on(Store::open(
            &Database::Sqlite(home.path().join("tagalong.db")),
            2,
            &tagalong_platform::clock::Clock::system(),
        ))
        .unwrap();
    c.bench_function("store/create_session", |b| b.iter(|| runtime.block_on(make(&store))));
    c.bench_function("store/create_session and 10 join", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let id = make(&store).await;
                for _ in 0..10 {
                    join(&store, id).await;
                }
            });
        });
    });
    let id = runtime.block_on(make(&store));
    runtime.block_on(async {
        for _ in 0..49 {
            join(&store, id).await;
        }
    });
    let now = Timestamp::from_millis(2);
    c.bench_function("store/roster of 49", |b| b.iter(|| runtime.block_on(store.roster(id, now)).unwrap()));
    runtime.block_on(store.close());
}

criterion_group!(benches, store);
criterion_main!(benches);
