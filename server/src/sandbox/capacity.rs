//! How many instances this machine can hold at once, computed at start.
//!
//! Each pooled slot reserves address space, each live instance takes about four
//! memory mappings and each fiber stack two, of which Linux allows a process
//! 65,530 by default.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::machine;

const ADDRESS_SPACE_NAME: &str = "address space";

/// Address space that the pool may reserve: half of what x86-64 gives a process.
const ADDRESS_SPACE: u64 = 1 << 46;

/// Reservation for one linear memory; at 4 GiB no bounds check is compiled in.
const RESERVATION: u64 = 4 << 30;

/// Memory mappings of one live instance and its stack.
const MAPPINGS_PER_INSTANCE: u64 = 6;

/// Mappings left for everything else in the process.
const MAPPINGS_KEPT: u64 = 4_000;

/// Descriptors left for files, at most; of few, half are.
const DESCRIPTORS_KEPT: u64 = 1_000;

/// Linux's default of `vm.max_map_count`, assumed where it can't be read.
const DEFAULT_MAPPINGS: u64 = 65_530;

/// What the process can hold, and what bounds it.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Instances of sessions at once.
    pub(crate) instances: u32,
    pub(crate) sizes: Sizes,
    bounded_by: &'static str,
    /// Connections at once.
    pub(crate) connections: usize,
    connections_bounded_by: &'static str,
}

/// How large the parts of one instance may be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// Bytes of its linear memory.
    pub(crate) memory_bytes: usize,
    /// Elements of one table.
    pub(crate) table_elements: usize,
    /// Address space for each linear memory.
    pub(crate) reservation_bytes: u64,
}

impl Capacity {
    pub(crate) fn measure(config: &Config) -> Capacity {
        let mappings = mapping_limit().saturating_sub(MAPPINGS_KEPT) / MAPPINGS_PER_INSTANCE;
        let bounds = [
            (config.limits.instances as u64, "limits.instances"),
            (ADDRESS_SPACE / RESERVATION, ADDRESS_SPACE_NAME),
            (mappings, "vm.max_map_count"),
        ];
        let (instances, bounded_by) =
            bounds.into_iter().min_by_key(|(count, _)| *count).unwrap_or((1, "nothing"));
        let (connections, connections_bounded_by) = match machine::descriptors() {
            Some(most)
                if most.saturating_sub(DESCRIPTORS_KEPT.min(most / 2))
                    < config.connections as u64 =>
            {
                ((most - DESCRIPTORS_KEPT.min(most / 2)).max(1) as usize, "descriptors")
            }
            _ => (config.connections, "connections"),
        };
        let sizes = Sizes {
            memory_bytes: usize::try_from(config.limits.session_memory.bytes())
                .unwrap_or(usize::MAX)
                .min(RESERVATION as usize),
            table_elements: config.limits.session_table_elements,
            reservation_bytes: RESERVATION,
        };
        let instances = u32::try_from(instances.max(1)).unwrap_or(u32::MAX);
        Capacity { instances, sizes, bounded_by, connections, connections_bounded_by }
    }

    /// What to do when there are no more instances.
    pub(crate) fn hint(&self) -> String {
        match self.bounded_by {
            ADDRESS_SPACE_NAME => "try again in a moment".to_owned(),
            bound => format!("try again in a moment, or raise {bound} on the server"),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Capacity { instances, bounded_by, connections, connections_bounded_by, .. } = self;
        write!(f, "{instances} instances (bounded by {bounded_by}), ")?;
        write!(f, "{connections} connections (bounded by {connections_bounded_by})")
    }
}

fn mapping_limit() -> u64 {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(DEFAULT_MAPPINGS)
}
