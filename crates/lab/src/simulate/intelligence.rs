//! What is publicly known of the simulated internet: whose networks, in which countries, and lists that know some of the
//! hosting, VPNs, Tor exits and reported addresses, and some wrongly. Must not know which events were an attack's.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use model::Address;

use super::dice::{Dice, Stream};
use super::error::LabError;
use super::networks::{NETWORKS, Network, Purpose, Source, TOR_EXITS, VPN_EXITS, tor_exit, vpn_exit};
use super::population::World;

/// Hosting networks are listed in pieces of this size.
const PIECE_PREFIX: u32 = 20;
/// Of a thousand: pieces of hosting networks, exits of VPNs and of Tor, attackers' addresses that are listed.
const HOSTING_PERMILLE: u64 = 850;
const VPN_PERMILLE: u64 = 650;
const TOR_PERMILLE: u64 = 920;
const REPORTED_PERMILLE: u64 = 350;
/// The same for addresses of homes, which change hands, and of carriers, which thousands share.
const REPORTED_HOME_PERMILLE: u64 = 120;
const REPORTED_MOBILE_PERMILLE: u64 = 20;
/// Reported addresses that have nothing to do with this broker.
const REPORTED_ELSEWHERE: u64 = 400;

/// Writes `asn.csv`, `country.csv` and `lists/` into a folder, which it makes.
pub(super) fn write(folder: &Path, world: &World, attackers: &[Source]) -> Result<(), LabError> {
    let lists = folder.join("lists");
    fs::create_dir_all(&lists).map_err(LabError::io(&lists, "creating the folder"))?;
    let asn = |network: &Network| format!("{},{}", network.asn, network.organisation);
    ranges(&folder.join("asn.csv"), "start,end,asn,organisation", asn)?;
    let country = |network: &Network| network.country.map(char::from).iter().collect();
    ranges(&folder.join("country.csv"), "start,end,country", country)?;

    let mut dice = Dice::new(world.seed, Stream::Lists, 0);
    lines(&lists.join("hosting-providers.txt"), hosting(&mut dice))?;
    let mut vpn = BTreeSet::new();
    for network in NETWORKS.iter().filter(|network| network.purpose == Purpose::Vpn) {
        let exits = (0..VPN_EXITS).map(|number| vpn_exit(network, number).ip);
        vpn.extend(exits.filter(|_| dice.permille(VPN_PERMILLE)));
    }
    lines(&lists.join("vpn-exits.txt"), vpn)?;
    let exits = (0..TOR_EXITS).map(|number| tor_exit(number).ip);
    let tor: BTreeSet<Address> = exits.filter(|_| dice.permille(TOR_PERMILLE)).collect();
    lines(&lists.join("tor-exits.txt"), tor)?;
    lines(&lists.join("blocklist-reported.txt"), reported(&mut dice, world, attackers))
}

fn hosting(dice: &mut Dice) -> Vec<String> {
    let mut pieces = Vec::new();
    for network in NETWORKS.iter().filter(|network| network.purpose == Purpose::Hosting) {
        let piece = 1 << (32 - PIECE_PREFIX);
        for number in 0..network.size() / piece {
            if dice.permille(HOSTING_PERMILLE) {
                pieces.push(format!("{}/{PIECE_PREFIX}", network.v4(number * piece).ip));
            }
        }
    }
    pieces
}

/// Some attackers were reported by others before; most of the list is of no concern here, and some of it is wrong.
fn reported(dice: &mut Dice, world: &World, attackers: &[Source]) -> BTreeSet<Address> {
    let mut addresses = BTreeSet::new();
    for source in attackers {
        let permille = match source.network.purpose {
            Purpose::Home => REPORTED_HOME_PERMILLE,
            Purpose::Mobile => REPORTED_MOBILE_PERMILLE,
            _ => REPORTED_PERMILLE,
        };
        if dice.permille(permille) {
            addresses.insert(source.ip);
        }
    }
    for _ in 0..REPORTED_ELSEWHERE {
        let purpose = match dice.below(100) {
            0..55 => Purpose::Hosting,
            55..90 => Purpose::Abroad,
            _ => Purpose::Home,
        };
        addresses.insert(Network::choose(dice, purpose).any(dice).ip);
    }
    for _ in 0..world.customers() / 1_000 {
        let customer = dice.below(world.customers());
        let day = dice.below(world.calendar.days());
        addresses.extend(world.home_of(customer, day, dice));
    }
    addresses
}

fn ranges(path: &Path, header: &str, value: impl Fn(&Network) -> String) -> Result<(), LabError> {
    let all =
        NETWORKS.iter().flat_map(|network| network.ranges().into_iter().map(move |range| (network, range)));
    let rows = all.map(|(network, (first, last))| format!("{first},{last},{}", value(network)));
    lines(path, std::iter::once(header.to_owned()).chain(rows))
}

fn lines(path: &Path, all: impl IntoIterator<Item = impl std::fmt::Display>) -> Result<(), LabError> {
    let file = File::create(path).map_err(LabError::io(path, "creating"))?;
    let mut out = BufWriter::new(file);
    for line in all {
        writeln!(out, "{line}").map_err(LabError::io(path, "writing"))?;
    }
    out.flush().map_err(LabError::io(path, "writing"))?;
    out.get_ref().sync_all().map_err(LabError::io(path, "syncing"))
}
