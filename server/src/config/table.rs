//! The table of settings: the one place that names each of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use farside_protocol::{DEFAULT_PORT, caps};

use super::setting::{Row, settings_table};
use super::text::{SettingText, within};
use super::{ByteSize, EvaluatorFiles, PemFile, ProcessMemory, folders};
use crate::storage::StorageUrl;

/// The shortest duration that a setting takes.
const TICK: Duration = Duration::from_millis(1);

/// The longest; it also keeps `Instant + Duration` from overflowing.
const LONGEST: Duration = caps::DURATION;

/// The smallest size that a setting takes.
const BYTE: ByteSize = ByteSize::new(1);

/// The largest size of what is in memory.
const TEBIBYTE: ByteSize = ByteSize::gib(1024);

settings_table! {
    /// Everything that a server can be told.
    Config {
        /// Address and port to listen on. Port 0 takes a free one.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
        /// Whether the address may be one that other machines can reach although nothing
        /// is encrypted: then whoever is on the way can read tokens and values.
        insecure_listen: bool = false;
        /// The server's TLS certificate: a PEM file that begins with its own and goes on
        /// with those that sign it. Read again when it changes. "none" is without TLS.
        tls_certificate: PemFile = PemFile::default();
        /// The key of the certificate: a PEM file that is not for every account.
        tls_key: PemFile = PemFile::default();
        /// The data folder: token, modules, compiled code, large values.
        /// Two servers cannot share one. A leading ~/ is the account's home.
        data: PathBuf = folders::data();
        /// Where modules and values are kept: "file:" in the data folder,
        /// "file:/PATH" in a folder of its own, "memory:" until the server ends.
        storage: StorageUrl = StorageUrl::File { folder: None };
        /// Values of more than this many bytes are written to storage instead of
        /// being held in memory.
        storage_spill: ByteSize = ByteSize::mib(1), in BYTE..=ByteSize::new(caps::VALUE_BYTES);
        /// The program that compiles modules, in child processes: the path of a
        /// `farside`. "auto" is this program, if it can do it, or a `farside` beside it
        /// or on the path.
        compiler: String = "auto".to_owned();
        /// Modules that evaluate languages, beyond those found beside the program and
        /// in the data folder: "NAME=FILE, NAME=FILE", or "none".
        evaluator: EvaluatorFiles = EvaluatorFiles::default();
        /// What is logged: a level (error, warn, info, debug, trace), or a filter
        /// such as "info,farside_server::sandbox=debug".
        log: String = "info".to_owned();
        /// Connections open at once, as far as there are descriptors; one more is refused.
        connections: usize = 12_000, in 1..=1_000_000;
        /// Time that a new connection has to introduce itself.
        handshake_timeout: Duration = Duration::from_secs(10), in TICK..=LONGEST;
        /// Time that a connection may be silent. After half of it the client is asked for a
        /// sign of life, which client libraries give by themselves. Its session stays.
        idle_timeout: Duration = Duration::from_mins(10), in TICK..=LONGEST;
        /// Time in which a message, once it has begun, comes whole.
        frame_timeout: Duration = Duration::from_secs(30), in TICK..=LONGEST;
        /// Time that a client may read nothing of what is sent to it. Its session stays.
        send_timeout: Duration = Duration::from_secs(30), in TICK..=LONGEST;
        /// Time that running calls get to finish when the server is stopped.
        shutdown_grace: Duration = Duration::from_secs(10), in TICK..=LONGEST;
        /// Threads that run long calls; 0 means one for each core.
        guest_threads: usize = 0, in 0..=4096;
    }

    /// Ceilings. Each ends only what goes beyond it; none can be turned off.
    [limits] Limits {
        /// Bytes of an uploaded module.
        module_bytes: ByteSize = ByteSize::mib(32), in BYTE..=ByteSize::gib(1);
        /// Processor time that compiling a module may take.
        compile_cpu: Duration = Duration::from_secs(30), in Duration::from_secs(1)..=LONGEST;
        /// Memory that it may take.
        compile_memory: ByteSize = ByteSize::gib(2), in ByteSize::mib(64)..=TEBIBYTE;
        /// Processor time that a module's own init may take, which runs once, when the
        /// module is compiled.
        init_cpu: Duration = Duration::from_secs(10), in TICK..=LONGEST;
        /// Linear memory of a module after its init.
        image_bytes: ByteSize = ByteSize::mib(128), in ByteSize::kib(64)..=ByteSize::gib(4);
        /// Linear memory of all instances of a session together.
        session_memory: ByteSize = ByteSize::mib(256), in ByteSize::kib(64)..=TEBIBYTE;
        /// Table elements of all instances of a session together.
        session_table_elements: usize = 100_000, in 1..=1_000_000_000;
        /// Live instances of a session, those of fresh calls included.
        session_instances: usize = 64, in 1..=1_000_000;
        /// Time that a call may take from when it begins to run.
        call_deadline: Duration = Duration::from_secs(30), in TICK..=LONGEST;
        /// Processor time that a call may take.
        call_cpu: Duration = Duration::from_secs(10), in TICK..=LONGEST;
        /// How often a guest may call the host in one call: for the clock, random numbers,
        /// its log, and calls of its own.
        call_host_calls: usize = 1_000_000, in 1..=1_000_000_000_000;
        /// How often the guests of a session may call the host in a second, all together.
        session_host_calls: usize = 10_000_000, in 1..=1_000_000_000_000;
        /// Processor time that all calls of a session may take together.
        session_cpu: Duration = Duration::from_hours(1), in TICK..=LONGEST;
        /// Processor time that one owner's calls and compilations may take in a minute.
        owner_cpu_per_minute: Duration = Duration::from_mins(10), in TICK..=LONGEST;
        /// References that a session holds.
        session_refs: usize = 100_000, in 1..=1_000_000_000;
        /// Bytes of all values that a session keeps.
        session_kept_bytes: ByteSize = ByteSize::mib(256), in BYTE..=TEBIBYTE;
        /// Bytes of one value.
        value_bytes: ByteSize = ByteSize::mib(256), in BYTE..=ByteSize::new(caps::VALUE_BYTES);
        /// How deep lists and maps in a value may nest.
        value_depth: usize = caps::VALUE_DEPTH, in 1..=caps::VALUE_DEPTH;
        /// Calls of a session that are taken and have not finished.
        session_pending_calls: usize = 10_000, in 1..=1_000_000;
        /// Bytes of the arguments of those calls.
        session_pending_bytes: ByteSize = ByteSize::mib(64), in BYTE..=TEBIBYTE;
        /// Sessions of the server. A new one beyond it waits for another to end.
        sessions: usize = 10_000, in 1..=1_000_000;
        /// How long it waits before it is refused.
        session_wait: Duration = Duration::from_secs(5), in TICK..=LONGEST;
        /// Sessions of one owner.
        owner_sessions: usize = 1_000, in 1..=1_000_000;
        /// Bytes of all values that an owner's sessions keep.
        owner_kept_bytes: ByteSize = ByteSize::gib(4), in BYTE..=TEBIBYTE;
        /// Memory of all of an owner's sessions: a share of the machine's, or a size.
        owner_memory: ProcessMemory = ProcessMemory::Percent(50);
        /// Live instances of an owner's sessions. A new one beyond it waits for a place.
        owner_instances: usize = 10_000, in 1..=1_000_000;
        /// Live instances of the server. A new one beyond it waits for a place.
        instances: usize = 20_000, in 1..=1_000_000;
        /// How long an instance waits for a place before its call fails.
        instance_wait: Duration = Duration::from_secs(5), in TICK..=LONGEST;
        /// How long a session outlives its last connection, if its client does not
        /// ask for another time.
        session_lease: Duration = Duration::from_mins(30), in TICK..=LONGEST;
        /// The longest such time that a client can ask for.
        session_lease_max: Duration = Duration::from_hours(7 * 24), in TICK..=LONGEST;
        /// Bytes that a guest may log in one call, 16 for each line included; the rest is
        /// cut with a note.
        log_bytes: ByteSize = ByteSize::kib(64), in BYTE..=TEBIBYTE;
        /// Memory of the whole process: a share of the machine's, or a size.
        process_memory: ProcessMemory = ProcessMemory::Percent(70);
        /// Bytes of all that is kept in storage.
        data_bytes: ByteSize = ByteSize::gib(10), in BYTE..=ByteSize::new(1 << 50);
    }

    /// What guests may do beyond computing.
    [guests] Guests {
        /// Whether guests can read the clock.
        clock: bool = false;
        /// Whether guests can draw random numbers.
        random: bool = false;
        /// Whether the same calls give the same results on every server of these settings:
        /// a clock that is granted stands still, and random numbers are a sequence.
        deterministic: bool = false;
        /// Which sequence that is, and the one of evaluators that are not granted others.
        seed: u64 = 0, in 0..=i64::MAX as u64;
    }
}
