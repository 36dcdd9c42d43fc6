//! Writes small MMDB files for tests, so that no binary file is kept in the repository.
//!
//! Source of the format: MaxMind DB File Format Specification v2.0.

use ipnet::IpNet;

/// A value of the data section.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    U16(u16),
    U32(u32),
    U64(u64),
    F64(f64),
    Bool(bool),
    Map(Vec<(String, Value)>),
    List(Vec<Value>),
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn map(fields: &[(&str, Value)]) -> Value {
    Value::Map(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (size, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    let size = u8::try_from(size).unwrap();
    match kind {
        0..=7 => out.push(kind << 5 | size),
        _ => out.extend([size, kind - 7]),
    }
    out.extend(more.map(|more| u8::try_from(more).unwrap()));
}

fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            control(out, 2, text.len());
            out.extend(text.bytes());
        }
        Value::F64(number) => {
            control(out, 3, 8);
            out.extend(number.to_be_bytes());
        }
        Value::U16(number) => {
            control(out, 5, 2);
            out.extend(number.to_be_bytes());
        }
        Value::U32(number) => {
            control(out, 6, 4);
            out.extend(number.to_be_bytes());
        }
        Value::U64(number) => {
            control(out, 9, 8);
            out.extend(number.to_be_bytes());
        }
        Value::Map(fields) => {
            control(out, 7, fields.len());
            for (key, value) in fields {
                encode(out, &text(key));
                encode(out, value);
            }
        }
        Value::List(values) => {
            control(out, 11, values.len());
            values.iter().for_each(|value| encode(out, value));
        }
        Value::Bool(value) => control(out, 14, usize::from(*value)),
    }
}

/// A record of the search tree.
#[derive(Clone, Copy)]
enum Branch {
    Empty,
    Node(u32),
    Data(u32),
}

fn bits(network: IpNet, ip_version: u16) -> Vec<usize> {
    let (number, length) = match (network, ip_version) {
        (IpNet::V4(net), 4) => (u128::from(u32::from(net.network())) << 96, usize::from(net.prefix_len())),
        (IpNet::V4(net), _) => (u128::from(u32::from(net.network())), 96 + usize::from(net.prefix_len())),
        (IpNet::V6(net), _) => (u128::from(net.network()), usize::from(net.prefix_len())),
    };
    (0..length).map(|bit| usize::from(number >> (127 - bit) & 1 == 1)).collect()
}

fn tree(ip_version: u16, networks: &[(&str, Value)], data: &mut Vec<u8>) -> Vec<[Branch; 2]> {
    let mut nodes = vec![[Branch::Empty; 2]];
    for (network, value) in networks {
        let offset = u32::try_from(data.len()).unwrap();
        encode(data, value);
        let bits = bits(network.parse().unwrap(), ip_version);
        let (last, path) = bits.split_last().unwrap();
        let mut at = 0;
        for bit in path {
            at = match nodes[at][*bit] {
                Branch::Node(next) => usize::try_from(next).unwrap(),
                _ => {
                    nodes.push([Branch::Empty; 2]);
                    let next = nodes.len() - 1;
                    nodes[at][*bit] = Branch::Node(u32::try_from(next).unwrap());
                    next
                }
            };
        }
        nodes[at][*last] = Branch::Data(offset);
    }
    nodes
}

/// A whole file. `record_bits` is 24, 28 or 32; networks may not lie in each other.
pub(crate) fn mmdb(ip_version: u16, record_bits: u16, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut data = Vec::new();
    let nodes = tree(ip_version, networks, &mut data);
    let count = u32::try_from(nodes.len()).unwrap();
    let mut out = Vec::new();
    for node in &nodes {
        let [left, right] = node.map(|branch| match branch {
            Branch::Empty => count,
            Branch::Node(next) => next,
            Branch::Data(offset) => count + 16 + offset,
        });
        let (left, right) = (left.to_be_bytes(), right.to_be_bytes());
        match record_bits {
            24 => out.extend([&left[1..], &right[1..]].concat()),
            28 => out.extend([&left[1..], &[left[0] << 4 | right[0]][..], &right[1..]].concat()),
            _ => out.extend([left, right].concat()),
        }
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = map(&[
        ("binary_format_major_version", Value::U16(2)),
        ("binary_format_minor_version", Value::U16(0)),
        ("build_epoch", Value::U64(1_700_000_000)),
        ("database_type", text("test")),
        ("description", map(&[("en", text("made by a test"))])),
        ("ip_version", Value::U16(ip_version)),
        ("languages", Value::List(vec![text("en")])),
        ("node_count", Value::U32(count)),
        ("record_size", Value::U16(record_bits)),
    ]);
    encode(&mut out, &metadata);
    out
}
