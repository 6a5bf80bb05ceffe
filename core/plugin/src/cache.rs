//! A cache of values that are expensive to find out.

use std::{
    borrow::Borrow,
    convert::Infallible,
    fmt,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::{
    OptionsBuilder, UnitWeighter,
    sync::{Cache as Store, DefaultLifecycle, EntryAction, EntryResult, PlaceholderGuard},
};

/// Space for the keys that were seen last is reckoned for as many as this at most, however large the cache may grow.
const ESTIMATED_ENTRIES_MAX: usize = 4096;

/// A cache that plugins of all shards, and threads and tasks of any kind, may share: behind an [`Arc`], or in a `static`.
///
/// It is *single flight*: while one caller finds out the value of a key, the others who ask for that key wait for it,
/// rather than find it out as well. Where the load fails, panics, or its future is dropped, the next waiting caller loads.
/// An error goes to the caller whose load failed, and is not kept. A load never blocks callers of another key.
///
/// It holds a bounded number of entries and drops those that are asked for least; with
/// [`time_to_live`](Self::time_to_live), an entry counts for so long after it was found out. Values are cloned: a large
/// one belongs in an `Arc`.
///
/// In the architecture's description it is called `AsyncSmartCache`.
///
/// ```
/// use std::{path::PathBuf, sync::LazyLock, time::Duration};
/// use fapilog_plugin::cache::Cache;
///
/// // A cache for the process: eight shards read the file once in a minute.
/// static REGIONS: LazyLock<Cache<PathBuf, String>> =
///     LazyLock::new(|| Cache::new(64).time_to_live(Duration::from_secs(60)));
///
/// fn region(path: PathBuf) -> Result<String, std::io::Error> {
///     REGIONS.get_or_try_insert_with(&path, || std::fs::read_to_string(&path))
/// }
/// # assert!(region("/nonexistent/region".into()).is_err());
/// ```
///
/// # Limits of a loader
///
/// It must not ask the cache for the key it is loading: it would wait for itself. And a thread that runs tasks must not
/// wait in [`get_or_try_insert_with`](Self::get_or_try_insert_with) for a key that one of its own tasks is loading: on such a
/// thread, use [`get_or_insert_async`](Self::get_or_insert_async) throughout. A loader that never ends blocks all
/// callers of its key: give it a deadline of its own.
#[doc(alias = "AsyncSmartCache")]
#[doc(alias = "SmartCache")]
#[doc(alias = "memoize")]
pub struct Cache<K, V> {
    store: Store<K, Arc<CacheEntry<V>>>,
    time_to_live: Option<Duration>,
}

/// Behind an `Arc`, so that a `clone` or `drop` of user code never runs under the store's lock.
struct CacheEntry<V> {
    value: V,
    /// `None`: for good.
    good_until: Option<Instant>,
}

/// The result of a lookup.
enum CacheLookup<'cache, K, V> {
    Found(Arc<CacheEntry<V>>),
    /// The caller finds it out. A drop leaves that to the next caller.
    Ours(Flight<'cache, K, V>),
}

type Flight<'cache, K, V> = PlaceholderGuard<
    'cache,
    K,
    Arc<CacheEntry<V>>,
    UnitWeighter,
    quick_cache::DefaultHashBuilder,
    DefaultLifecycle<K, Arc<CacheEntry<V>>>,
>;

type StoreAnswer<'cache, K, V> = EntryResult<
    'cache,
    K,
    Arc<CacheEntry<V>>,
    UnitWeighter,
    quick_cache::DefaultHashBuilder,
    DefaultLifecycle<K, Arc<CacheEntry<V>>>,
    Arc<CacheEntry<V>>,
>;

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of about so many entries, and of one at least. They are good until they make room for others.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let estimated = capacity.min(ESTIMATED_ENTRIES_MAX);
        let options =
            OptionsBuilder::new().estimated_items_capacity(estimated).weight_capacity(capacity as u64).build();
        let store = match options {
            Ok(options) => Store::with_options(options, UnitWeighter, Default::default(), DefaultLifecycle::default()),
            // It names what was not set, and both are.
            Err(_) => Store::new(estimated),
        };
        Self { store, time_to_live: None }
    }

    /// How long an entry is good once it was found out. Default: for good.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// The value, if it is there and good. It never waits.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get_at(key, Instant::now()).map(|entry| entry.value.clone())
    }

    /// The value; if it is not there, the result of `load`, which is kept. Waits while another caller is loading it.
    ///
    /// # Errors
    /// The error of `load`. It is not kept: the next caller loads again.
    pub fn get_or_try_insert_with<Q, E>(&self, key: &Q, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let asked = Instant::now();
        if let Some(entry) = self.get_at(key, asked) {
            return Ok(entry.value.clone());
        }
        let answer = self.store.entry(key, None, |_, entry| judge(entry, asked));
        match CacheLookup::of(answer) {
            Some(CacheLookup::Found(entry)) => Ok(entry.value.clone()),
            Some(CacheLookup::Ours(flight)) => load().map(|value| self.land(flight, value)),
            None => load(),
        }
    }

    /// As [`get_or_try_insert_with`](Self::get_or_try_insert_with), for a loader that cannot fail.
    pub fn get_or_insert_with<Q>(&self, key: &Q, load: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        match self.get_or_try_insert_with(key, || Ok::<V, Infallible>(load())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The value; if it is not there, the result of the future of `load`, which is kept. Waits, without blocking the
    /// thread, while another caller is loading it. It needs no runtime of a certain kind.
    ///
    /// # Errors
    /// The error of the future. It is not kept: the next caller loads again.
    pub async fn get_or_insert_async<Q, E, F>(&self, key: &Q, load: impl FnOnce() -> F) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<V, E>>,
    {
        let asked = Instant::now();
        if let Some(entry) = self.get_at(key, asked) {
            return Ok(entry.value.clone());
        }
        let answer = self.store.entry_async(key, |_, entry| judge(entry, asked)).await;
        match CacheLookup::of(answer) {
            Some(CacheLookup::Found(entry)) => Ok(entry.value.clone()),
            Some(CacheLookup::Ours(flight)) => load().await.map(|value| self.land(flight, value)),
            None => load().await,
        }
    }

    /// Forgets the value. A value that is being loaded goes to the callers that wait for it, and is not kept.
    pub fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.store.remove(key);
    }

    fn get_at<Q>(&self, key: &Q, asked: Instant) -> Option<Arc<CacheEntry<V>>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.store.get(key).filter(|entry| entry.is_good(asked))
    }

    /// Keeps a value, and hands it to the callers that wait.
    fn land(&self, flight: Flight<'_, K, V>, value: V) -> V {
        let good_until = self.time_to_live.and_then(|time| Instant::now().checked_add(time));
        let entry = Arc::new(CacheEntry { value: value.clone(), good_until });
        // Removed meanwhile, it is not kept.
        let _ = flight.insert(entry);
        value
    }
}

/// Checks whether an entry is still good. The first caller that finds an entry too old replaces it.
fn judge<V>(entry: &Arc<CacheEntry<V>>, asked: Instant) -> EntryAction<Arc<CacheEntry<V>>> {
    if entry.is_good(asked) { EntryAction::Retain(Arc::clone(entry)) } else { EntryAction::ReplaceWithGuard }
}

impl<V> CacheEntry<V> {
    /// Compared with the time of the call: a caller that has waited for a load takes its value, however short it lives.
    fn is_good(&self, asked: Instant) -> bool {
        self.good_until.is_none_or(|until| asked < until)
    }
}

impl<'cache, K, V> CacheLookup<'cache, K, V> {
    /// `None` for answers that are never wanted: nothing is taken out, and the wait has no limit.
    fn of(answer: StoreAnswer<'cache, K, V>) -> Option<Self> {
        match answer {
            EntryResult::Retained(entry) => Some(Self::Found(entry)),
            EntryResult::Vacant(flight) | EntryResult::Replaced(flight, _) => Some(Self::Ours(flight)),
            EntryResult::Removed(..) | EntryResult::Timeout => None,
        }
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("time_to_live", &self.time_to_live).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::poll_fn,
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        task::{Context, Poll, Waker},
        thread,
    };

    use super::*;

    const THREADS: usize = 16;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Runs `ask` on many threads at once.
    fn all_at_once<R: Send>(ask: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            let (start, ask) = (&start, &ask);
            let run = |number| {
                scope.spawn(move || {
                    start.wait();
                    ask(number)
                })
            };
            let threads: Vec<_> = (0..THREADS).map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn a_value_is_loaded_once_however_many_ask_at_once() {
        for round in 0..200 {
            let (cache, loads) = (Cache::new(16), AtomicUsize::new(0));
            let got = all_at_once(|_| {
                cache.get_or_insert_with("key", || {
                    // Others arrive meanwhile.
                    thread::yield_now();
                    loads.fetch_add(1, Ordering::Relaxed) + round
                })
            });
            assert_eq!(loads.into_inner(), 1);
            assert_eq!(got, [round; THREADS]);
        }
    }

    #[test]
    fn an_entry_past_its_time_is_loaded_anew_once_for_all_callers() {
        for _ in 0..200 {
            let cache: Cache<String, usize> = Cache::new(16).time_to_live(Duration::from_secs(3600));
            cache.get_or_insert_with("key", || 0);
            let CacheLookup::Ours(flight) = cache.expired("key") else { panic!("it is good") };
            let past = Instant::now().checked_sub(Duration::from_nanos(1)).unwrap();
            flight.insert(Arc::new(CacheEntry { value: 1, good_until: Some(past) })).ok().unwrap();
            let loads = AtomicUsize::new(0);
            let got = all_at_once(|_| cache.get_or_insert_with("key", || 2 + loads.fetch_add(1, Ordering::Relaxed)));
            assert_eq!(got, [2; THREADS]);
        }
    }

    impl<V: Clone> Cache<String, V> {
        /// As if the entry had lived its time.
        fn expired(&self, key: &str) -> CacheLookup<'_, String, V> {
            CacheLookup::of(self.store.entry(key, None, |_, _| EntryAction::ReplaceWithGuard)).unwrap()
        }
    }

    #[test]
    fn an_error_goes_to_its_caller_and_the_next_loads_again() {
        let (cache, loads) = (Cache::new(16), AtomicUsize::new(0));
        let got = all_at_once(|_| {
            cache.get_or_try_insert_with("key", || match loads.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err("not yet"),
                _ => Ok(7),
            })
        });
        assert_eq!(got.iter().filter(|result| result.is_err()).count(), 2);
        assert_eq!(got.iter().filter(|result| **result == Ok(7)).count(), THREADS - 2);
        assert_eq!(loads.into_inner(), 3);
    }

    #[test]
    fn after_a_panic_in_a_loader_another_caller_loads() {
        let (cache, loads) = (Cache::new(16), AtomicUsize::new(0));
        let load = || match loads.fetch_add(1, Ordering::Relaxed) {
            0 => std::panic::panic_any("the first loader panics"),
            _ => 7,
        };
        let got = all_at_once(|_| catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with("key", load))).ok());
        assert_eq!(got.iter().filter(|value| value.is_none()).count(), 1);
        assert_eq!(got.iter().filter(|value| **value == Some(7)).count(), THREADS - 1);
    }

    #[test]
    fn a_load_does_not_block_callers_of_another_key() {
        let cache: Cache<String, u32> = Cache::new(16);
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        thread::scope(|scope| {
            let cache = &cache;
            scope.spawn(move || {
                cache.get_or_insert_with("slow", || {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap()
                })
            });
            has_begun.recv().unwrap();
            assert_eq!(cache.get_or_insert_with("quick", || 1), 1);
            assert_eq!(cache.get("slow"), None);
            go_on.send(2).unwrap();
        });
        assert_eq!(cache.get("slow"), Some(2));
    }

    #[test]
    fn an_entry_is_good_for_its_time_to_live() {
        let life = Duration::from_secs(60);
        let cache: Cache<String, u32> = Cache::new(16).time_to_live(life);
        let before = Instant::now();
        cache.get_or_insert_with("key", || 1);
        let after = Instant::now();
        assert!(cache.get_at("key", before + life - Duration::from_nanos(1)).is_some());
        assert!(cache.get_at("key", after + life).is_none());
    }

    #[test]
    fn an_entry_without_a_time_to_live_is_good_for_good() {
        for cache in [Cache::new(16), Cache::new(16).time_to_live(Duration::MAX)] {
            cache.get_or_insert_with("key", || 1);
            assert!(cache.get_at("key", Instant::now() + Duration::from_secs(1 << 32)).is_some());
        }
    }

    #[test]
    fn a_cache_of_one_entry_holds_one() {
        for capacity in [0, 1] {
            let cache: Cache<u32, u32> = Cache::new(capacity);
            cache.get_or_insert_with(&1, || 1);
            assert_eq!(cache.get(&1), Some(1));
        }
    }

    #[test]
    fn a_cache_is_bounded() {
        let cache: Cache<u32, u32> = Cache::new(100);
        (0..10_000).for_each(|key| _ = cache.get_or_insert_with(&key, || key));
        assert!(cache.store.len() <= 128, "{}", cache.store.len());
    }

    #[test]
    fn a_cache_that_may_grow_large_starts_small() {
        let cache: Cache<u32, u32> = Cache::new(usize::MAX);
        assert_eq!(cache.get_or_insert_with(&1, || 1), 1);
        assert_eq!(cache.get(&1), Some(1));
    }

    #[test]
    fn a_removed_value_is_loaded_again() {
        let cache: Cache<String, u32> = Cache::new(16);
        cache.get_or_insert_with("key", || 1);
        cache.remove("key");
        assert_eq!(cache.get("key"), None);
        assert_eq!(cache.get_or_insert_with("key", || 2), 2);
    }

    #[test]
    fn tasks_wait_for_the_one_that_loads() {
        let cache: Cache<String, u32> = Cache::new(16);
        let is_there = Cell::new(false);
        let arrives = || poll_fn(|_| if is_there.get() { Poll::Ready(Ok::<_, Infallible>(7)) } else { Poll::Pending });
        let mut first = pin!(cache.get_or_insert_async("key", arrives));
        let never = || std::future::ready(Ok::<u32, Infallible>(8));
        let mut second = pin!(cache.get_or_insert_async("key", never));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        is_there.set(true);
        assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(7)));
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(7)));
    }

    #[test]
    fn a_task_takes_over_from_one_that_was_dropped() {
        let cache: Cache<String, u32> = Cache::new(16);
        let mut first = Box::pin(cache.get_or_insert_async("key", std::future::pending::<Result<u32, Infallible>>));
        let mut second = pin!(cache.get_or_insert_async("key", || std::future::ready(Ok::<_, Infallible>(8))));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(8)));
    }

    #[test]
    fn an_error_of_a_task_is_not_kept() {
        let cache: Cache<String, u32> = Cache::new(16);
        let mut first = pin!(cache.get_or_insert_async("key", || std::future::ready(Err("not yet"))));
        assert_eq!(poll(first.as_mut()), Poll::Ready(Err("not yet")));
        let mut second = pin!(cache.get_or_insert_async("key", || std::future::ready(Ok::<_, &str>(8))));
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(8)));
    }

    #[test]
    fn a_thread_waits_for_a_task_that_loads() {
        let cache: Cache<String, u32> = Cache::new(16);
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            let mut task = pin!(cache.get_or_insert_async("key", || {
                let mut is_second = false;
                poll_fn(move |_| match std::mem::replace(&mut is_second, true) {
                    true => Poll::Ready(Ok::<_, Infallible>(7)),
                    false => Poll::Pending,
                })
            }));
            assert!(poll(task.as_mut()).is_pending());
            let cache = &cache;
            scope.spawn(move || send.send(cache.get_or_insert_with("key", || 8)).unwrap());
            assert_eq!(poll(task.as_mut()), Poll::Ready(Ok(7)));
        });
        assert_eq!(receive.recv().unwrap(), 7);
    }

    #[test]
    fn the_futures_can_go_from_thread_to_thread() {
        fn is_send(_: &impl Send) {}
        let cache: Cache<String, u32> = Cache::new(16);
        is_send(&cache.get_or_insert_async("key", || std::future::ready(Ok::<_, Infallible>(8))));
    }
}
