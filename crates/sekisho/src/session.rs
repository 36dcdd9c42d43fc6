//! What every command shares: a [`Watch`] that Ctrl-C stops, the progress display, and a stopwatch. Must not know commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use history::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the display is brought up to date.
const REFRESH: Duration = Duration::from_millis(100);
const REFRESHES_A_SECOND: u64 = 10;

/// What a display asks the work for, if it has figures of its own.
type Figures<'a> = Option<&'a (dyn Fn() -> String + Sync)>;

/// One run of the program.
pub(crate) struct Session {
    quiet: bool,
    current: Arc<std::sync::Mutex<Arc<Watch>>>,
    asked: Arc<AtomicBool>,
}

impl Session {
    /// Installs the handler for Ctrl-C and SIGTERM: the first asks the run to stop and clean up, the second ends at once.
    pub(crate) fn begin(quiet: bool) -> anyhow::Result<Self> {
        let current: Arc<std::sync::Mutex<Arc<Watch>>> = Arc::default();
        let asked = Arc::new(AtomicBool::new(false));
        let (in_handler, handler_asked) = (Arc::clone(&current), Arc::clone(&asked));
        ctrlc::set_handler(move || {
            if handler_asked.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            if let Ok(watch) = in_handler.lock() {
                watch.stop();
            }
        })
        .context("installing the handler for Ctrl-C failed")?;
        Ok(Self { quiet, current, asked })
    }

    /// Waits for Ctrl-C or SIGTERM.
    pub(crate) fn wait_for_stop(&self) {
        while !self.asked.load(Ordering::SeqCst) {
            std::thread::park_timeout(REFRESH);
        }
    }

    /// Runs `work` with a fresh watch and a progress bar of the given unit ("bytes" are shown as such).
    pub(crate) fn watched<T>(&self, what: &'static str, bytes: bool, work: impl FnOnce(&Watch) -> T) -> T {
        let template = match bytes {
            true => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} {prefix}",
            false => "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta} {prefix}",
        };
        self.shown(what, template, None, work)
    }

    /// The same with figures of the work's own, which are asked for once a second.
    pub(crate) fn watched_with<T>(
        &self,
        what: &'static str,
        figures: Figures<'_>,
        work: impl FnOnce(&Watch) -> T,
    ) -> T {
        self.shown(what, "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}  {prefix}", figures, work)
    }

    fn shown<T>(
        &self,
        what: &'static str,
        template: &'static str,
        figures: Figures<'_>,
        work: impl FnOnce(&Watch) -> T,
    ) -> T {
        let watch = Arc::new(Watch::default());
        if let Ok(mut current) = self.current.lock() {
            *current = Arc::clone(&watch);
        }
        // Asked between two pieces of work, the next one must not begin.
        if self.asked.load(Ordering::SeqCst) {
            watch.stop();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let display = (!self.quiet).then(|| scope.spawn(|| show(what, template, figures, &watch, &done)));
            let _ended =
                Ended { done: &done, display: display.as_ref().map(|display| display.thread().clone()) };
            work(&watch)
        })
    }
}

/// Ends the display when the work ends, by a panic too: the scope would wait for it for ever.
struct Ended<'a> {
    done: &'a AtomicBool,
    display: Option<std::thread::Thread>,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        if let Some(display) = &self.display {
            display.unpark();
        }
    }
}

fn show(what: &'static str, template: &str, figures: Figures<'_>, watch: &Watch, done: &AtomicBool) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what);
    for refresh in 0_u64.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        let reading = watch.read();
        if reading.total > 0 {
            bar.set_length(reading.total.max(reading.done));
        }
        bar.set_position(reading.done);
        if reading.rejected > 0 {
            bar.set_prefix(format!("{} rejected", reading.rejected));
        }
        if let Some(figures) = figures
            && refresh.is_multiple_of(REFRESHES_A_SECOND)
        {
            bar.set_prefix(figures());
        }
        std::thread::park_timeout(REFRESH);
    }
    bar.finish_and_clear();
}

/// A stopwatch for figures shown to people.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "elapsed time is shown to people and decides nothing")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
