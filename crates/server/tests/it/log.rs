//! The log lines of a test's server, heard on the thread of that test alone: with the runtime of
//! `#[tokio::test]`, all of a server's tasks run there.
//!
//! One subscriber for the process. One for each test, set for its thread and dropped at its end, makes `tracing` decide
//! anew each time which lines anybody wants, and lines of tests that run at the same time are lost now and then.

use std::cell::RefCell;
use std::sync::Once;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

type Listener = Box<dyn Fn(&Event<'_>)>;

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

struct ByThread;

impl<S: Subscriber> Layer<S> for ByThread {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LISTENER.with_borrow(|listener| {
            if let Some(listener) = listener {
                listener(event);
            }
        });
    }
}

/// Listens until it is dropped.
pub(crate) struct Listening;

/// Calls a function with each line, of level info or graver, that is said on this thread.
pub(crate) fn listen(listener: impl Fn(&Event<'_>) + 'static) -> Listening {
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(ByThread).with(LevelFilter::INFO);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LISTENER.set(Some(Box::new(listener)));
    Listening
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(None);
    }
}
