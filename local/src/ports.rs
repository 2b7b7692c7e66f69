//! The stack's ports, and which process holds one that is taken.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// A part of the stack that listens on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The API Gateway.
    Gateway,
    /// The demo product.
    Demo,
    /// The Atlassian sandbox.
    Atlassian,
    /// The REST front for Redis.
    Upstash,
    /// The private PostgreSQL.
    Postgres,
    /// The private Redis.
    Redis,
}

impl Part {
    /// Every part, in the order of their default ports.
    pub const ALL: [Self; 6] =
        [Self::Gateway, Self::Demo, Self::Atlassian, Self::Upstash, Self::Postgres, Self::Redis];

    /// The setting that changes its port.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Gateway => "JUNCTURE_PORT",
            Self::Demo => "JUNCTURE_DEMO_PORT",
            Self::Atlassian => "JUNCTURE_ATLASSIAN_PORT",
            Self::Upstash => "JUNCTURE_UPSTASH_PORT",
            Self::Postgres => "JUNCTURE_POSTGRES_PORT",
            Self::Redis => "JUNCTURE_REDIS_PORT",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "Gateway",
            Self::Demo => "Demo product",
            Self::Atlassian => "Atlassian sandbox",
            Self::Upstash => "Upstash front",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        })
    }
}

/// The port of each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports([u16; 6]);

impl Default for Ports {
    /// 8000 to 8005.
    fn default() -> Self {
        Self([8000, 8001, 8002, 8003, 8004, 8005])
    }
}

impl Ports {
    /// Currently free ports, for a stack that runs beside others.
    pub fn free() -> Result<Self> {
        let mut ports = [0; 6];
        for port in &mut ports {
            *port = free_port()?;
        }
        Ok(Self(ports))
    }

    /// The default ports, overridden by what `setting` returns for each part's variable.
    pub fn from_settings(setting: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut ports = Self::default();
        for part in Part::ALL {
            let name = part.variable();
            if let Some(text) = setting(name) {
                ports.0[part as usize] = match text.parse() {
                    Ok(port) if port > 0 => port,
                    _ => bail!("{name} is `{text}`: it must be a port, 1 to 65535"),
                };
            }
        }
        for (i, &first) in Part::ALL.iter().enumerate() {
            for &second in &Part::ALL[i + 1..] {
                if ports.of(first) == ports.of(second) {
                    bail!(
                        "{first} and {second} have the same port, {}: set {} or {}",
                        ports.of(first),
                        first.variable(),
                        second.variable()
                    );
                }
            }
        }
        Ok(ports)
    }

    /// The port of a part.
    pub fn of(&self, part: Part) -> u16 {
        self.0[part as usize]
    }

    /// Binds the ports of `parts`. Postgres and Redis bind theirs in their own processes, so those ports are only
    /// checked. The error lists every port that is taken, the process that holds it, and the setting that changes ours.
    pub fn listen(&self, parts: &[Part]) -> Result<BTreeMap<Part, TcpListener>> {
        let mut listeners = BTreeMap::new();
        let mut problems = Vec::new();
        for &part in parts {
            let port = self.of(part);
            if matches!(part, Part::Postgres | Part::Redis) {
                if answers(port) {
                    problems.push(describe(part, port, &io::ErrorKind::AddrInUse.into()));
                }
                continue;
            }
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => drop(listeners.insert(part, listener)),
                Err(error) => problems.push(describe(part, port, &error)),
            }
        }
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        Ok(listeners)
    }
}

/// Whether something listens on the port. Probed by connecting: a process that another thread spawns while we
/// briefly bind the port would inherit the socket until its `exec`, and keep the port taken.
fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn describe(part: Part, port: u16, error: &io::Error) -> String {
    let reason = if error.kind() == io::ErrorKind::AddrInUse {
        // The lookup fails for another user's process.
        match listeners::get_process_by_port(port, listeners::Protocol::TCP) {
            Ok(holder) => format!("is taken by {} (process {})", holder.name, holder.pid),
            Err(_) => "is taken by another process".to_owned(),
        }
    } else {
        format!("cannot be used: {error}")
    };
    format!("port {port} ({part}) {reason}; {}=<port> chooses another", part.variable())
}

/// A free port outside the ephemeral range, so that no outgoing connection takes it before our server binds it.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const RANGE: std::ops::Range<u16> = 20_000..32_000;
    // Several test binaries run in parallel, so each starts at a different offset.
    let start = (std::process::id() % 1_000) as u16 * 12;
    for _ in RANGE {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = RANGE.start + start.wrapping_add(step) % (RANGE.end - RANGE.start);
        if !answers(port) {
            return Ok(port);
        }
    }
    bail!("no port between {} and {} is free", RANGE.start, RANGE.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_taken_port_is_reported_with_its_holder_and_its_setting() {
        let ports = Ports::free().unwrap();
        let held = ports.listen(&[Part::Demo, Part::Redis]).unwrap();
        assert_eq!(held.len(), 1, "Redis listens by itself");
        let redis = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.of(Part::Redis))).unwrap();

        let report = ports.listen(&[Part::Gateway, Part::Demo, Part::Redis]).unwrap_err().to_string();

        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(lines.len(), 2, "{report}");
        let holder = format!("(process {})", std::process::id());
        assert!(lines[0].starts_with(&format!("port {} (Demo product) is taken by ", ports.of(Part::Demo))));
        assert!(lines[0].contains(&holder) && lines[0].contains("JUNCTURE_DEMO_PORT="), "{report}");
        assert!(lines[1].contains("(Redis)") && lines[1].contains(&holder), "{report}");
        drop((held, redis));
    }

    #[test]
    fn settings_move_ports_and_wrong_ones_are_refused_by_name() {
        let with = |pairs: &'static [(&str, &str)]| {
            Ports::from_settings(move |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]).unwrap(), Ports::default());
        assert_eq!(with(&[("JUNCTURE_PORT", "9000")]).unwrap().of(Part::Gateway), 9000);
        for (pairs, part) in [
            (&[("JUNCTURE_PORT", "http")] as &[_], "JUNCTURE_PORT is `http`"),
            (&[("JUNCTURE_REDIS_PORT", "0")], "JUNCTURE_REDIS_PORT is `0`"),
            (&[("JUNCTURE_PORT", "70000")], "1 to 65535"),
            (&[("JUNCTURE_PORT", "8001")], "Gateway and Demo product have the same port, 8001"),
        ] {
            let error = with(pairs).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
