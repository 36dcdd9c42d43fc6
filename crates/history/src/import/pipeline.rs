//! Reads, works and collects side by side, in order and in bounded memory. Must not know what is being worked on.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::HistoryError;

/// Pieces read ahead of the workers.
const READ_AHEAD: usize = 2;

/// One thread takes pieces from `next`, rayon's threads turn each into a result with `work`, and the calling thread gives
/// the results to `collect` in the order of the pieces. At most a few pieces more than there are threads exist at once.
///
/// Must not be called from one of rayon's own threads: it would wait for results on a thread that should make them.
pub(crate) fn run<P: Send, R: Send>(
    mut next: impl FnMut() -> Result<Option<P>, HistoryError> + Send,
    work: impl Fn(P) -> R + Sync,
    mut collect: impl FnMut(R) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let in_flight_max = rayon::current_num_threads().saturating_add(2);
    std::thread::scope(|threads| {
        let (send, pieces) = sync_channel(READ_AHEAD);
        threads.spawn(move || {
            while let Some(piece) = next().transpose() {
                let failed = piece.is_err();
                if send.send(piece).is_err() || failed {
                    break;
                }
            }
        });
        let work = &work;
        rayon::in_place_scope(|scope| {
            let mut in_flight: VecDeque<Receiver<R>> = VecDeque::new();
            let mut collect_first = |in_flight: &mut VecDeque<Receiver<R>>| match in_flight.pop_front() {
                // A worker that panics sends nothing; the scope passes its panic on.
                Some(first) => first.recv().map_or(Ok(()), &mut collect),
                None => Ok(()),
            };
            for piece in pieces {
                let piece = piece?;
                if in_flight.len() >= in_flight_max {
                    collect_first(&mut in_flight)?;
                }
                let (done, result) = sync_channel(1);
                in_flight.push_back(result);
                scope.spawn(move |_| {
                    // Nobody listens any more when the run has failed.
                    let _unheard = done.send(work(piece));
                });
            }
            while !in_flight.is_empty() {
                collect_first(&mut in_flight)?;
            }
            Ok(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::HistoryError;

    #[test]
    fn results_come_in_order_and_errors_end_the_run() {
        let mut left = 0..1000_u64;
        let mut collected = Vec::new();
        run(
            || Ok(left.next()),
            |piece| piece * 2,
            |result| {
                collected.push(result);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(collected, (0..1000).map(|piece| piece * 2).collect::<Vec<_>>());

        let mut left = 0..1000_u64;
        let next = || match left.next() {
            Some(500) => Err(HistoryError::Stopped),
            piece => Ok(piece),
        };
        assert!(matches!(run(next, |piece| piece, |_| Ok(())), Err(HistoryError::Stopped)));

        let mut left = 0..1000_u64;
        let refused = run(|| Ok(left.next()), |piece| piece, |_| Err(HistoryError::Stopped));
        assert!(matches!(refused, Err(HistoryError::Stopped)));
    }
}
