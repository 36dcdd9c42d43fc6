//! Where a network is, to a tenth of a degree (11 km): what files of cities say is no better, and a few thousand different
//! places take little memory. Must not know journeys.

/// Kilometres within which a network is taken to be where nothing else is said.
pub(crate) const RADIUS_KM: u16 = 100;

/// A place on earth, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Tenths of a degree north of the equator, -900 to 900.
    pub north: i16,
    /// Tenths of a degree east of Greenwich, -1,800 to 1,800.
    pub east: i16,
    /// The network is within so many kilometres of it, as far as the file knows.
    pub radius_km: u16,
}

impl Spot {
    /// Degrees north and east; none where that is nowhere on earth.
    pub(crate) fn new(north: f64, east: f64, radius_km: Option<u64>) -> Option<Self> {
        let radius_km = radius_km.map_or(RADIUS_KM, |km| u16::try_from(km).unwrap_or(u16::MAX));
        Some(Self { north: tenths(north, 90.0)?, east: tenths(east, 180.0)?, radius_km })
    }
}

fn tenths(degrees: f64, most: f64) -> Option<i16> {
    if !(-most..=most).contains(&degrees) {
        return None;
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "at most 1,800 by the check above"
    )]
    let tenths = (degrees * 10.0).round() as i16;
    Some(tenths)
}
