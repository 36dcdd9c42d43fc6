//! How fast somebody would have had to travel. Must not know who travels.
//!
//! Sines by their series, in additions and products alone, and square roots, which IEEE 754 defines to the last bit: every machine
//! gives the same. The way is measured straight through the earth, which is never more than the way around it: half a percent
//! less at 2,000 km, a third less at the other end of the world.

use std::f64::consts::PI;

use model::time::HOUR_US;

use super::View;
use crate::input::Spot;
use crate::record::customer::as_us;

/// Radius of the earth, kilometres.
const EARTH_KM: f64 = 6_371.0;
/// Beside what the file says of its own accuracy: spots are tenths of degrees, and providers route through the next city.
const TOLERANCE_KM: f64 = 50.0;
/// Less time than this counts as this: clocks differ, and an event is told when it has ended.
const MINUTES_MIN: i64 = 5;

/// A point on the unit sphere.
fn point(spot: Spot) -> [f64; 3] {
    let radians = |tenths: i16| f64::from(tenths) / 10.0 * PI / 180.0;
    let (north, east) = (radians(spot.north), radians(spot.east));
    [cosine(north) * cosine(east), cosine(north) * sine(east), sine(north)]
}

/// For -π to π.
fn sine(angle: f64) -> f64 {
    // Nearer to 0 the series needs fewer terms.
    let near = if angle > PI / 2.0 {
        PI - angle
    } else if angle < -PI / 2.0 {
        -PI - angle
    } else {
        angle
    };
    let square = near * near;
    let (mut term, mut sum) = (near, near);
    for step in [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0] {
        term *= -square / (step * (step - 1.0));
        sum += term;
    }
    sum
}

fn cosine(angle: f64) -> f64 {
    // For -π to π: the sine a quarter further, brought back into that range.
    let further = angle + PI / 2.0;
    sine(if further > PI { further - 2.0 * PI } else { further })
}

/// Kilometres between two spots, straight, at least.
fn distance_km(one: Spot, other: Spot) -> f64 {
    let squares = point(one).into_iter().zip(point(other)).map(|(one, other)| (one - other) * (one - other));
    let straight = squares.sum::<f64>().sqrt() * EARTH_KM;
    let radii = f64::from(one.radius_km) + f64::from(other.radius_km);
    (straight - radii - TOLERANCE_KM).max(0.0)
}

pub(super) fn speed_kmh(view: &View<'_>) -> Option<f64> {
    let (event, known) = (view.event, view.customer.whereabouts?);
    let spot = event.place.spot?;
    if event.place.is_rented() || view.ip.is_shared() {
        return None;
    }
    let passed_us = event.time.as_us().saturating_sub(as_us(known.at_s));
    if passed_us < 0 {
        return None;
    }
    let minutes = (passed_us / (HOUR_US / 60)).max(MINUTES_MIN);
    let hours = f64::from(u32::try_from(minutes).unwrap_or(u32::MAX)) / 60.0;
    Some((distance_km(known.spot, spot) / hours).round())
}

#[cfg(test)]
mod tests {
    use super::{Spot, cosine, distance_km, sine};

    #[test]
    fn sines_and_distances() {
        for tenths in -1_800..=1_800_i32 {
            let angle = f64::from(tenths) / 10.0 * std::f64::consts::PI / 180.0;
            assert!((sine(angle) - angle.sin()).abs() < 1e-9 && (cosine(angle) - angle.cos()).abs() < 1e-9);
        }
        let spot = |north, east| Spot { north, east, radius_km: 10 };
        let (tokyo, osaka, sydney) = (spot(357, 1_398), spot(347, 1_355), spot(-339, 1_512));
        for (one, other, km) in [(tokyo, osaka, 330.0), (tokyo, sydney, 7_270.0), (tokyo, tokyo, 0.0)] {
            let distance = distance_km(one, other);
            assert!((distance - km).abs() < 30.0 + km / 100.0, "{distance} {km}");
        }
        let west = spot(0, -1_799);
        assert!(distance_km(spot(0, 1_799), west) < 1.0, "across the line of dates");
    }
}
